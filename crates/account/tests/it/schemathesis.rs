//! The description of the API is true: Schemathesis asks everything that it allows, and much that it does not, and
//! every answer is one that it names. `cargo xtask schemathesis` installs the program and runs this for longer.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::server::Here;

/// What is read besides the command line: answers that are no fault.
const CONFIGURATION: &str = r#"
# Whether what is well formed is also known, free, or cryptographically sound, no description can say.
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "400", "401", "403", "404", "409", "413"]
# Who may not is told so before anything else is looked at.
[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "405", "409", "413"]
"#;

/// What ends the session that the others need: the program remembers the names of devices that it saw.
const ENDS: [&str; 2] = ["delete_v1_devices_device", "delete_v1_session"];

/// Where `cargo xtask schemathesis` puts it, or the one at hand.
fn program() -> Option<PathBuf> {
    let cached = PathBuf::from(std::env::var_os("HOME")?).join(".cache/keystow/schemathesis/bin/schemathesis");
    let path = std::env::var_os("PATH")?;
    std::iter::once(cached)
        .chain(std::env::split_paths(&path).map(|folder| folder.join("schemathesis")))
        .find(|program| program.is_file())
}

/// Asks with this token, at some routes.
fn ask(program: &Path, here: &Here, token: &str, routes: &[&str]) {
    let description = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    let cases = std::env::var("KEYSTOW_CASES").unwrap_or_else(|_| "10".to_owned());
    let mut command = Command::new(program);
    command.current_dir(&here.dir).env("NO_COLOR", "1");
    command.args(["run", description, "--url", &here.address.url, "--tls-verify", "false"]);
    command.args(["-H", &format!("Authorization: Bearer {token}")]);
    command.args(["--phases", "examples,coverage,fuzzing", "--checks", "all", "--continue-on-failure"]);
    // Beside all other tests an answer may take its time.
    command
        .args(["--request-timeout", "60", "--suppress-health-check", "all", "--seed", "1", "--max-examples", &cases])
        .args(routes);
    let output = command.output().unwrap();
    let words = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{words}\n{}", String::from_utf8_lossy(&output.stderr));
    words.lines().filter(|line| line.contains(" generated, ")).for_each(|line| eprintln!("{}", line.trim()));
}

#[test]
fn everything_that_the_description_allows_is_answered_as_it_says() {
    let Some(program) = program() else {
        eprintln!("schemathesis is not installed (cargo xtask schemathesis installs it): nothing is proven");
        return;
    };
    let here = Here::start();
    std::fs::write(here.dir.join("schemathesis.toml"), CONFIGURATION).unwrap();
    let token = here.token_of_another();
    ask(&program, &here, &token, &ENDS.map(|id| ["--exclude-operation-id", id]).concat());
    assert_eq!(here.ask("GET", "/v1/account", Some(&token), "").status, 200, "the session lasted");
    ask(&program, &here, &token, &ENDS.map(|id| ["--include-operation-id", id]).concat());
    assert_eq!(here.check().faults, []);
}
