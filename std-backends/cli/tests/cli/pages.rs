//! What the tool says of itself: enough to use it by.

use super::world::{said, tool};

const COMMANDS: [&str; 8] = ["ls", "inspect", "watch", "top", "stats", "force-release", "reset", "doctor"];

#[test]
fn the_help_names_every_command_and_where_a_password_belongs() {
    let help = said(&mut tool(&["--help"])).well().out;
    for word in COMMANDS.iter().chain(&["CACHIFY_URL", "--json", "Exit codes", "password"]) {
        assert!(help.contains(word), "{word}: {help}");
    }
    for command in COMMANDS {
        let help = said(&mut tool(&[command, "--help"])).well().out;
        assert!(help.contains("--prefix") && help.contains("--json"), "{command}: {help}");
    }
    assert!(said(&mut tool(&["--version"])).well().out.starts_with("cachify 0."));
}

#[test]
fn shells_and_man_learn_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = said(&mut tool(&["completions", shell])).well().out;
        assert!(COMMANDS.iter().all(|command| script.contains(command)), "{shell}");
    }
    let page = said(&mut tool(&["man"])).well().out;
    assert!(page.contains(".TH cachify 1") && page.contains("force\\-release"), "{page}");
}
