//! Recorded exchanges, where they lie beside the project.

use crate::tools::{build, command, python, root, run as run_command, target};

/// The scenarios that this release answers.
const SCENARIOS: [&str; 20] = [
    "flows",
    "password",
    "sessions",
    "browser_forms",
    "cookies",
    "routing",
    "login_by_any_identifier",
    "code",
    "code_rules",
    "code_by_text_message",
    "code_to_one_of_two",
    "identifier_first",
    "identifier_first_forms",
    "schema_of_the_form",
    "admin_identities",
    "admin_update_and_patch",
    "admin_batch",
    "admin_external_id",
    "admin_sessions",
    "admin_lists",
];

/// Replays them against a fresh stack, in both modes. Prints a line where they are missing.
pub(crate) fn run(names: &[String]) -> Result<(), String> {
    let player = root().join("../shared/wire");
    if !player.join("run.py").is_file() {
        println!("there are no recorded exchanges beside the project; nothing is compared");
        return Ok(());
    }
    build()?;
    let interpreter = python("wire", &player.join("requirements.txt"))?;
    let program = target().join("debug/latchkey");
    for (mode, name) in [("", "one-process"), (" --processes", "processes")] {
        println!("\n-- exchanges, {name}");
        let mut play = command(&interpreter);
        play.current_dir(&player).env("PYTHONDONTWRITEBYTECODE", "1").arg("run.py");
        play.arg("--cmd").arg(format!("{} --dev --config {{config}}{mode}", program.display()));
        play.args(["--golden", "golden", "-v", "--out"]).arg(target().join("wire").join(name));
        play.arg("--deviations").arg(root().join("tests/wire-deviations.json"));
        if names.is_empty() {
            play.args(SCENARIOS);
        } else {
            play.args(names);
        }
        run_command(&mut play)?;
    }
    Ok(())
}
