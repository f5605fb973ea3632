//! The corpus: every input keeps the rules, the seeds are those of the code, and all of it is small.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    collections::BTreeSet,
    fs,
    panic::catch_unwind,
    path::{Path, PathBuf},
};

use tidings_decoders::TARGETS;

const CORPUS_BYTES_MAX: usize = 300 * 1024;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz")
}

/// The files of a folder: name and content.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries.map(|e| (e.file_name().into_string().unwrap(), fs::read(e.path()).unwrap())).collect()
}

#[test]
fn every_input_keeps_the_rules() {
    for target in TARGETS {
        for (name, input) in files(&fuzz().join("corpus").join(target.name)) {
            let kept = catch_unwind(|| (target.check)(&input));
            assert!(kept.is_ok(), "{}/{name} breaks a rule", target.name);
        }
    }
}

#[test]
fn the_seeds_are_those_of_the_code_and_are_taken() {
    let words = fs::read_to_string(fuzz().join("words.dict")).unwrap();
    assert!(words == tidings_decoders::dictionary(), "run `cargo run -p tidings-decoders --example seeds`");
    for target in TARGETS {
        let stored: BTreeSet<(String, Vec<u8>)> = files(&fuzz().join("corpus").join(target.name))
            .into_iter()
            .filter_map(|(name, input)| Some((name.strip_prefix("seed-")?.to_owned(), input)))
            .collect();
        let made: BTreeSet<(String, Vec<u8>)> =
            (target.seeds)().into_iter().map(|seed| (seed.name, seed.input)).collect();
        assert!(stored == made, "{}: run `cargo run -p tidings-decoders --example seeds`", target.name);
        for (name, input) in made {
            assert!((target.check)(&input), "{}/seed-{name} is refused", target.name);
        }
    }
}

/// Recorded from functions on the local AWS.
#[test]
fn what_the_emulator_sends_is_taken() {
    let mut count = 0;
    for target in TARGETS {
        for (name, input) in files(&fuzz().join("corpus").join(target.name)) {
            if name.starts_with("emulator") {
                assert!((target.check)(&input), "{}/{name} is refused", target.name);
                count += 1;
            }
        }
    }
    assert!(count > 0);
}

#[test]
fn every_target_has_a_fuzzer_and_a_corpus_and_no_other_has() {
    let names: BTreeSet<String> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    let fuzzers = files(&fuzz().join("fuzz_targets"));
    let fuzzers: BTreeSet<String> = fuzzers.iter().map(|(name, _)| name.trim_end_matches(".rs").to_owned()).collect();
    assert_eq!(fuzzers, names);
    let folders = fs::read_dir(fuzz().join("corpus")).unwrap();
    let folders: BTreeSet<String> = folders.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(folders, names);
}

#[test]
fn the_corpus_is_small() {
    let bytes: usize = TARGETS
        .iter()
        .flat_map(|target| files(&fuzz().join("corpus").join(target.name)))
        .map(|(_, input)| input.len())
        .sum();
    assert!(bytes <= CORPUS_BYTES_MAX, "{bytes} bytes");
}
