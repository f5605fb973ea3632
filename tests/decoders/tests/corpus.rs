//! The corpus: every input keeps the rules, the seeds are those of the code, and all of it is small.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    collections::BTreeSet,
    fs,
    panic::catch_unwind,
    path::{Path, PathBuf},
};

use rand::{Rng, SeedableRng, rngs::SmallRng};
use tidings_decoders::TARGETS;

const CORPUS_BYTES_MAX: usize = 300 * 1024;
/// Inputs that are made of the corpus of a target, the same ones each time.
const CHANGED_INPUTS: u64 = 1_500;

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

/// An input with a few things changed, as a fuzzer does it.
fn changed(input: &[u8], words: &[String], random: &mut SmallRng) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..random.random_range(1..=4) {
        let at = random.random_range(0..=bytes.len());
        let end = (at + random.random_range(0..=16)).min(bytes.len());
        match random.random_range(0..5) {
            0 => drop(bytes.drain(at..end)),
            1 => {
                let again = bytes[at..end].to_vec();
                bytes.splice(at..at, again);
            }
            2 => drop(bytes.splice(at..at, words[random.random_range(0..words.len())].bytes())),
            3 => bytes[at..end].iter_mut().take(1).for_each(|byte| *byte ^= 1 << random.random_range(0..8)),
            _ => drop(bytes.splice(at..end, random.random::<u32>().to_string().into_bytes())),
        }
    }
    bytes
}

/// What the fuzzer does with the nightly compiler and by reach, on the pinned one and by chance.
#[test]
fn what_is_made_of_the_corpus_keeps_the_rules() {
    let words = tidings_decoders::dictionary();
    let words: Vec<String> = words.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    assert!(!words.is_empty());
    // Codecs count with sums that wrap, which this profile calls a panic: the fuzzer knows those from others.
    for target in TARGETS.into_iter().filter(|target| target.name != "preview_source") {
        let inputs = files(&fuzz().join("corpus").join(target.name));
        let mut random = SmallRng::seed_from_u64(7);
        for number in 0..CHANGED_INPUTS {
            let (name, input) = &inputs[random.random_range(0..inputs.len())];
            let input = changed(input, &words, &mut random);
            let kept = catch_unwind(|| (target.check)(&input));
            let shown = String::from_utf8_lossy(&input);
            assert!(kept.is_ok(), "{}: number {number}, of {name}, breaks a rule: {shown}", target.name);
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
