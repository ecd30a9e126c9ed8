//! Amazon's own DynamoDB for one machine, which knows rules that the embedded store does not.

use crate::tools::{cargo, command, free_port, run as run_command, start, target};
use std::path::PathBuf;
use std::process::Stdio;

/// The release that the tests ran against.
const VERSION: &str = "3.3.1";

/// Fetches it from Maven Central, starts it, and runs the tests at the edge against it.
pub(crate) fn run() -> Result<(), String> {
    let libraries = fetch()?;
    let port = free_port()?;
    let mut server = command("java");
    server.arg("-classpath").arg(libraries.join("*"));
    server.args([
        "software.amazon.dynamodb.services.local.main.ServerRunner",
        "-inMemory",
        "-disableTelemetry",
        "-port",
        &port.to_string(),
    ]);
    let _running = start(server.stdout(Stdio::null()), port)?;
    println!("DynamoDB Local listens on port {port}");
    let mut test = cargo();
    test.args(["test", "--locked", "--package", "latchkey", "--test", "edge"]);
    run_command(test.env("LATCHKEY_TEST_DYNAMODB", format!("http://127.0.0.1:{port}")))
}

/// The folder with the program and all it needs.
fn fetch() -> Result<PathBuf, String> {
    let folder = target().join("dynamodb-local").join(VERSION);
    let libraries = folder.join("libraries");
    if libraries.join(format!("DynamoDBLocal-{VERSION}.jar")).is_file() {
        return Ok(libraries);
    }
    std::fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let project = folder.join("pom.xml");
    let text = format!(
        "<project><modelVersion>4.0.0</modelVersion><groupId>local</groupId><artifactId>local</artifactId><version>1</version>\
         <dependencies><dependency><groupId>software.amazon.dynamodb</groupId><artifactId>DynamoDBLocal</artifactId>\
         <version>{VERSION}</version></dependency></dependencies></project>"
    );
    std::fs::write(&project, text).map_err(|e| format!("{}: {e}", project.display()))?;
    let mut maven = command("mvn");
    maven.args(["--batch-mode", "--quiet", "--file"]).arg(&project);
    maven.arg("org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies");
    run_command(maven.arg(format!("-DoutputDirectory={}", libraries.display())))?;
    Ok(libraries)
}
