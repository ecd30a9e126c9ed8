//! The password hash alone, with the default parameters: the least that a login can cost.
//!
//! Each line of input is a number of hashes; for each one line is printed, the CPU time of one of them in nanoseconds. The process
//! stays, because a function's does: what the first hash pays for its memory, later ones do not.

use argon2::{Algorithm, Argon2, Params, Version};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let argon2 =
        Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(19 * 1024, 2, 1, Some(32)).map_err(text)?);
    let mut key = [0; 32];
    for line in std::io::stdin().lines() {
        let hashes: u32 = line?.trim().parse()?;
        let before = cpu()?;
        for at in 0..hashes {
            // Another salt each time, so that nothing can be reused.
            let salt = u128::from(at).to_be_bytes();
            argon2.hash_password_into(b"not the longest password of all", &salt, &mut key).map_err(text)?;
        }
        println!("{}", (cpu()? - before) / u64::from(hashes.max(1)));
    }
    Ok(())
}

/// CPU time of this process so far, in nanoseconds.
fn cpu() -> Result<u64, Box<dyn std::error::Error>> {
    let stat = std::fs::read_to_string("/proc/self/schedstat")?;
    Ok(stat.split_whitespace().next().unwrap_or_default().parse()?)
}

fn text(error: argon2::Error) -> String {
    error.to_string()
}
