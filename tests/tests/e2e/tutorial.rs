//! The tutorial, run as it is written.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use tidings_testkit::programs;
use tidings_tests::{fresh, repository};

/// A command, and the lines that it is to print.
struct Step {
    command: String,
    expected: Vec<String>,
}

fn steps(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut is_inside = false;
    for line in text.lines() {
        match line.strip_prefix("$ ") {
            _ if line.starts_with("```") => is_inside = line == "```console",
            _ if !is_inside => {}
            Some(command) => steps.push(Step { command: command.to_owned(), expected: Vec::new() }),
            None => steps.last_mut().expect("a command before its output").expected.push(line.to_owned()),
        }
    }
    steps
}

/// The words of a command, those in quotes as one.
fn words(command: &str) -> Vec<String> {
    let parts = command.split('"').enumerate();
    parts
        .flat_map(|(index, part)| match index % 2 {
            0 => part.split_whitespace().map(str::to_owned).collect(),
            _ => vec![part.to_owned()],
        })
        .collect()
}

/// Whether a line is what is expected, `…` being anything.
fn is_like(line: &str, expected: &str) -> bool {
    let mut parts = expected.split('…');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = line.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

/// Whether the expected lines come in this order, whatever stands between them.
fn has_all(printed: &str, expected: &[String]) -> bool {
    let mut lines = printed.lines();
    expected.iter().filter(|expected| *expected != "…").all(|expected| lines.any(|line| is_like(line, expected)))
}

fn built(name: &str) -> PathBuf {
    programs::built(name).unwrap_or_else(|| panic!("{name} is not built: cargo build --workspace"))
}

#[test]
fn the_tutorial_does_what_it_says() {
    let text = fs::read_to_string(repository().join("docs/tutorial.md")).unwrap();
    let steps = steps(&text);
    assert!(steps.len() >= 9, "the commands were found");
    let vaults = std::env::temp_dir().join(fresh("tutorial"));
    // Users of its own, so that it can be run again.
    let names = ["alice", "bob", "carl"].map(|name| (name, fresh(name)));
    for Step { command, expected } in steps {
        let mut words = words(&command).into_iter().map(|word| {
            let own = names.iter().find(|(name, _)| *name == word);
            own.map_or(word, |(_, own)| own.clone())
        });
        assert_eq!(words.next().as_deref(), Some("cargo"), "{command}");
        let program = match words.next().as_deref() {
            Some("dev") => built("dev"),
            Some("tidings") => built("tidings"),
            other => panic!("{other:?} in {command}"),
        };
        let printed = run(&program, &words.collect::<Vec<_>>(), &vaults);
        assert!(has_all(&printed, &expected), "{command} printed\n{printed}\nand not\n{}", expected.join("\n"));
    }
    let _ = fs::remove_dir_all(vaults);
}

fn run(program: &Path, arguments: &[String], vaults: &Path) -> String {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(repository())
        .env("TIDINGS_VAULTS", vaults)
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{} {arguments:?} failed: {out}{err}", program.display());
    out
}

#[test]
fn lines_are_compared_as_the_tutorial_means_it() {
    assert!(is_like("all of it", "all of it") && !is_like("all of it", "all"));
    assert!(is_like("{\"a\":1,\"sequence\":1}", "{…\"sequence\":1…}"));
    assert!(!is_like("{\"a\":1,\"sequence\":2}", "{…\"sequence\":1…}"));
    assert!(has_all("a\nb\nc", &["a".into(), "…".into(), "c".into()]) && !has_all("c\na", &["a".into(), "c".into()]));
    assert_eq!(words("send bob \"Hello Bob\" --as alice"), ["send", "bob", "Hello Bob", "--as", "alice"]);
}
