//! Every format with a hash of its own product, and refused hashes.

mod products;
mod refused;

use super::*;

/// Whether a text is a hash, and of this password.
fn fits(text: &str, password: &str) -> bool {
    let hash = StoredHash::parse(text).unwrap_or_else(|e| panic!("{text}: {}", e.hint));
    hash.verify(password.as_bytes())
}

/// The acceptance data of the contract (`methods-password-code-2fa.md` 2.7): the password and what was made of it.
const CONTRACT: [(&str, &str); 16] = [
    ("test", "$md5-crypt$TVEiiKNb$SN6/pUaRQS/E8Jh46As2C/"),
    ("test", "$2a$12$o6hx.Wog/wvFSkT/Bp/6DOxCtLRTDj7lm9on9suF/WaCGNVHbkfL6"),
    ("test", "$sha256-crypt$rounds=535000$05R.9KB6UC2kLI3w$Q/zslzx./JjkAVPTwp6th7nW5l7JU91Gte/UmIh.U78"),
    (
        "test",
        "$sha512-crypt$rounds=656000$3LVbIAVxR//cRajw$uuNasMW.RYxlGzIRFU1Was70BPSa933AjxhZIGJdJBOlqJAHlgqa0yuiuq5JHF\
         /ryNGryJkj87G9i3G2HPSXg1",
    ),
    ("test", "$argon2id$v=19$m=32,t=2,p=4$cm94YnRVOW5jZzFzcVE4bQ$MNzk5BtR2vUhrp6qQEjRNw"),
    ("test", "$argon2i$v=19$m=65536,t=3,p=4$kk51rW/vxIVCYn+EG4kTSg$NyT88uraJ6im6dyha/M5jhXvpqlEdlS/9fEm7ScMb8c"),
    (
        "test",
        "$pbkdf2-sha256$i=100000,l=32$1jP+5Zxpxgtee/iPxGgOz0RfE9/KJuDElP1ley4VxXc\
         $QJxzfvdbHYBpydCbHoFg3GJEqMFULwskiuqiJctoYpI",
    ),
    ("test", "$pbkdf2-sha224$i=100000,l=32$A2nzbFd+wwzPSb+TqkF5Pw$9M4GM2yOYw/fZvsvQbF/0Ec8JO2u9O1MYRTfrDimX6o"),
    ("123456", "$pbkdf2-sha256$i=1000,l=128$e8/arsEf4cvQihdNgqj0Nw$5xQQKNTyeTHx2Ld5/JDE7A"),
    (
        "test",
        "$scrypt$ln=16384,r=8,p=1$2npRo7P03Mt8keSoMbyD/tKFWyUzjiQf2svUaNDSrhA=\
         $MiCzNcIplSMqSBrm4HckjYqYhaVPPjTARTzwB1cVNYE=",
    ),
    ("test123", "{SSHA}JFZFs0oHzxbMwkSJmYVeI8MnTDy/276a"),
    ("test", "$sha1$pf=e1NBTFR9e1BBU1NXT1JEfQ==$NW9wbWtnejAzcg==$2qU2SGWP8viTM1md3FiI3+rjWXQ="),
    (
        "8x4WjoDbSxJZdR",
        "$firescrypt$ln=14,r=8,p=1$sPtDhWcd1MfdAw==\
         $xbSou7FOl6mChCyzpCPIQ7tku7nsQMTFtyOZSXXd7tjBa4NtimOx7v42Gv2SfzPQu1oxM2/k4SsbOu73wlKe1A==$Bw==\
         $YE0dO4bwD4JnJafh6lZZfkp1MtKzuKAXQcDCJNJNyeCHairWHKENOkbh3dzwaCdizzOspwr/FITUVlnOAwPKyw==",
    ),
    ("test", "$md5$CY9rzUYh03PK3k6DJie09g=="),
    ("test", "$md5$pf=e1NBTFR9e1BBU1NXT1JEfQ==$MTIz$q+RdKCgc+ipCAcm5ChQwlQ=="),
    (
        "test",
        "$hmac-sha256$ZTAzMWJhMWMyOTM4YjFkMjgzZjkxOWExZGY5YWM2NmMxOTJhN2RkNzQ0MzJkNWZkNGFkYTI5OTk0MWJhMTA5Zg==$MTIzNDU=",
    ),
];

#[test]
fn every_format_fits_its_password_and_no_other() {
    for (password, text) in CONTRACT {
        assert!(fits(text, password), "{text}");
        assert!(!fits(text, "tesT"), "{text}");
    }
}

#[test]
fn all_prefixes_of_bcrypt_are_equal() {
    for prefix in ["", "a", "b", "y", "z"] {
        assert!(fits(&format!("$2{prefix}$12$o6hx.Wog/wvFSkT/Bp/6DOxCtLRTDj7lm9on9suF/WaCGNVHbkfL6"), "test"));
    }
}

#[test]
fn bcrypt_does_not_truncate_a_password() {
    let hash = Hasher::Bcrypt { cost: 4 }.hash(&[b'a'; 72], &[1; 64]).unwrap();
    assert!(fits(&hash, &"a".repeat(72)));
    assert!(!fits(&hash, &"a".repeat(73)));
}

/// The last character of a salt holds two bits of it; crypt(3) and Go ignore the other four.
#[test]
fn bcrypt_salts_may_end_in_anything() {
    let canonical = "$2b$04$abcdefghijklmnopqrstuu3hwWhXipMm.zdb4rWtrAa2bFI743wCC";
    assert!(fits(canonical, products::PASSWORD));
    assert!(fits(&canonical.replacen("stuu", "stuv", 1), products::PASSWORD));
}

#[test]
fn no_hash_takes_a_nul() {
    for (password, text) in CONTRACT {
        let hash = StoredHash::parse(text).unwrap();
        for variant in [format!("{password}\0"), format!("{password}\0{password}"), format!("\0{password}")] {
            assert!(!hash.takes(variant.as_bytes()), "{text}");
        }
    }
}

/// A comparison costs at most what the model says, so a long password cannot use up the CPU.
#[test]
fn crypt_compares_no_long_passwords() {
    for text in [
        "$md5-crypt$TVEiiKNb$SN6/pUaRQS/E8Jh46As2C/",
        "$sha256-crypt$rounds=535000$05R.9KB6UC2kLI3w$Q/zslzx./JjkAVPTwp6th7nW5l7JU91Gte/UmIh.U78",
        "$sha512-crypt$rounds=656000$3LVbIAVxR//cRajw$uuNasMW.RYxlGzIRFU1Was70BPSa933AjxhZIGJdJBOlqJAHlgqa0yuiuq5JHF/ryNGryJkj87G9i3G2HPSXg1",
    ] {
        let hash = StoredHash::parse(text).unwrap();
        assert!(hash.takes(&[b'x'; 256]) && !hash.takes(&[b'x'; 257]), "{text}");
        assert!(hash.0.nanoseconds(256) > 2 * hash.0.nanoseconds(8), "{text}");
    }
    let most = "$sha512-crypt$rounds=10000000$3LVbIAVxR//cRajw$uuNasMW.RYxlGzIRFU1Was70BPSa933AjxhZIGJdJBOlqJAHlgqa0yuiuq5JHF/ryNGryJkj87G9i3G2HPSXg1";
    let most = StoredHash::parse(most).unwrap();
    assert!(most.takes(&[b'x'; 64]) && !most.takes(&[b'x'; 200]));
}

/// The costliest import of each format with a limit accepts passwords of usual length, and no comparison takes longer than a caller
/// waits.
#[test]
fn no_comparison_takes_longer_than_eight_seconds() {
    let (salt, key) = ("c29tZSBzYWx0c29tZQ", "c29tZSBzYWx0c29tZQ");
    for text in [
        format!("$argon2id$v=19$m=1048576,t=10,p=16${salt}${key}"),
        format!("$pbkdf2-sha512$i=10000000,l=16${salt}${key}"),
        format!("$pbkdf2-sha384$i=5000000,l=16${salt}${key}"),
        format!("$scrypt$ln=131072,r=8,p=10${salt}==${key}=="),
        "$2b$15$o6hx.Wog/wvFSkT/Bp/6DOxCtLRTDj7lm9on9suF/WaCGNVHbkfL6".to_owned(),
        "$sha256-crypt$rounds=10000000$x$Q/zslzx./JjkAVPTwp6th7nW5l7JU91Gte/UmIh.U78".to_owned(),
        format!("$md5$pf={}$YWFh$YWFhYWFhYWFhYWFhYWFhYQ==", "e1BBU1NXT1JEfXtQQVNTV09SRH17UEFTU1dPUkR9".repeat(90)),
    ] {
        let hash = StoredHash::parse(&text).unwrap_or_else(|e| panic!("{text}: {}", e.hint));
        let longest = (0..=4096).rev().find(|&length| hash.takes(&vec![b'x'; length])).unwrap();
        assert!(longest >= 64 && hash.0.nanoseconds(longest) <= 8_000_000_000, "{text} {longest}");
    }
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,80}") {
        let _ = StoredHash::parse(&text);
    }

    #[test]
    fn a_changed_hash_is_read_or_refused(at in 0_usize..60, by in "\\PC{0,3}", which in 0..CONTRACT.len()) {
        let mut text: Vec<char> = CONTRACT[which].1.chars().collect();
        let at = at.min(text.len());
        text.splice(at..(at + 1).min(text.len()), by.chars());
        let _ = StoredHash::parse(&text.into_iter().collect::<String>());
    }
}
