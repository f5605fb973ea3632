//! `cargo dev fuzz`

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use crate::artifact;
use crate::commands::logs::duration;
use crate::commands::test::succeeded;
use crate::failure::{Context, Failure, Result};
use crate::paths::Paths;
use crate::process;
use crate::progress::Step;

/// An input that takes longer is a fault, in seconds.
const INPUT_SECONDS_MAX: u32 = 10;
/// A frame and a little more, so that its limit is passed too.
const INPUT_BYTES_MAX: u32 = 33 * 1024;
/// A target that holds more is a fault, in MiB.
const HELD_MIB_MAX: u32 = 2048;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The target; all where absent.
    target: Option<String>,
    /// How long each target runs, for example 30s or 10m.
    #[arg(long = "for", value_name = "TIME", default_value = "60s", value_parser = duration)]
    time: Duration,
    /// Run this input alone, for example one that was found.
    #[arg(long, value_name = "FILE", requires = "target")]
    input: Option<PathBuf>,
    /// Add what reaches new code to the checked-in corpus.
    #[arg(long)]
    keep: bool,
}

pub(crate) fn run(paths: &Paths, args: &Args) -> Result<()> {
    let fuzz = Fuzz::new(paths);
    let targets = select(&fuzz.targets()?, args.target.as_deref())?;
    fuzz.check_tools()?;
    fuzz.build()?;
    if let (Some(input), [target]) = (&args.input, targets.as_slice()) {
        let mut command = fuzz.target(target)?;
        return if succeeded(command.arg(input))? { Ok(()) } else { Err(Failure::new("the input breaks a rule")) };
    }
    let faults = fuzz.run_all(&targets, args.time)?;
    if !faults.is_empty() {
        return Err(Failure::new(format!("faults in: {}", faults.join(" ")))
            .with_help("mend it, and keep the input as a test of the crate at fault"));
    }
    if args.keep {
        targets.iter().try_for_each(|target| fuzz.keep(target))?;
    }
    Ok(())
}

fn select(all: &[String], wanted: Option<&str>) -> Result<Vec<String>> {
    match wanted {
        None => Ok(all.to_vec()),
        Some(name) if all.iter().any(|target| target == name) => Ok(vec![name.to_owned()]),
        Some(name) => {
            Err(Failure::new(format!("there is no target {name}")).with_help(format!("one of: {}", all.join(" "))))
        }
    }
}

struct Fuzz<'a> {
    paths: &'a Paths,
    /// `tests/fuzz`: the targets and the checked-in corpus.
    source: PathBuf,
    /// What is built and found; not checked in.
    work: PathBuf,
}

impl<'a> Fuzz<'a> {
    fn new(paths: &'a Paths) -> Self {
        Self { paths, source: paths.root().join("tests/fuzz"), work: paths.state_dir().join("fuzz") }
    }

    fn targets(&self) -> Result<Vec<String>> {
        let folder = self.source.join("fuzz_targets");
        let failed = || format!("cannot read {}", folder.display());
        let mut names = Vec::new();
        for file in fs::read_dir(&folder).context(failed)? {
            names.extend(file.context(failed)?.path().file_stem().map(|name| name.to_string_lossy().into_owned()));
        }
        names.sort();
        Ok(names)
    }

    fn check_tools(&self) -> Result<()> {
        let there = |arguments: &[&str]| {
            artifact::cargo(self.paths).args(arguments).output().is_ok_and(|output| output.status.success())
        };
        if !there(&["+nightly", "--version"]) {
            return Err(Failure::new("fuzzing needs a nightly compiler")
                .with_help("rustup toolchain install nightly --profile minimal"));
        }
        if !there(&["fuzz", "--version"]) {
            return Err(Failure::new("fuzzing needs cargo-fuzz").with_help("cargo install --locked cargo-fuzz"));
        }
        Ok(())
    }

    fn build(&self) -> Result<()> {
        let step = Step::start("Building the fuzz targets");
        let mut command = artifact::cargo(self.paths);
        command.args(["+nightly", "fuzz", "build", "--sanitizer", "none", "--fuzz-dir"]).arg(&self.source);
        command.arg("--target-dir").arg(self.work.join("target")).env_remove("CARGO_TARGET_DIR");
        let built = process::run_lines(&mut command, |_| {}, |_| {})?;
        if !built.status.success() {
            return Err(Failure::new(format!("the fuzz targets do not build:\n{}", built.stderr.join("\n"))));
        }
        step.done("");
        Ok(())
    }

    /// A target, as it was built: cargo-fuzz names the machine in the path.
    fn target(&self, name: &str) -> Result<Command> {
        let built = self.work.join("target");
        let machines = fs::read_dir(&built).context(|| format!("cannot read {}", built.display()))?;
        let mut executables = machines
            .filter_map(|machine| Some(machine.ok()?.path().join("release").join(name)))
            .filter(|p| p.is_file());
        let executable = executables.next().ok_or_else(|| Failure::new(format!("{name} was not built")))?;
        let mut command = Command::new(executable);
        command.args([
            format!("-timeout={INPUT_SECONDS_MAX}"),
            format!("-max_len={INPUT_BYTES_MAX}"),
            format!("-rss_limit_mb={HELD_MIB_MAX}"),
            format!("-dict={}", self.source.join("words.dict").display()),
            format!("-artifact_prefix={}", self.folder("found", name)?.join("").display()),
        ]);
        Ok(command)
    }

    /// As many at once as there are processors; answers the targets with a fault.
    fn run_all(&self, targets: &[String], time: Duration) -> Result<Vec<String>> {
        let waiting = Mutex::new(targets.iter());
        let faults = Mutex::new(Vec::new());
        let next = || waiting.lock().ok().and_then(|mut waiting| waiting.next());
        thread::scope(|scope| {
            let at_once = thread::available_parallelism().map_or(1, usize::from).min(targets.len());
            let workers: Vec<_> = (0..at_once)
                .map(|_| {
                    scope.spawn(|| -> Result<()> {
                        while let Some(target) = next() {
                            if !self.run_one(target, time)?
                                && let Ok(mut faults) = faults.lock()
                            {
                                faults.push(target.clone());
                            }
                        }
                        Ok(())
                    })
                })
                .collect();
            workers
                .into_iter()
                .try_for_each(|worker| worker.join().unwrap_or_else(|_| Err(Failure::new("a run ended early"))))
        })?;
        Ok(faults.into_inner().unwrap_or_default())
    }

    /// Runs a target and says what came of it; false where a rule was broken.
    fn run_one(&self, target: &str, time: Duration) -> Result<bool> {
        let mut command = self.target(target)?;
        command.arg(format!("-max_total_time={}", time.as_secs())).arg("-print_final_stats=1");
        command.arg(self.folder("corpus", target)?).arg(self.source.join("corpus").join(target));
        let finished = process::run_lines(&mut command, |_| {}, |_| {})?;
        println!("{target:<14} {}", summary(&finished.stderr));
        if !finished.status.success() {
            println!("{}", fault(&finished.stderr).join("\n"));
        }
        Ok(finished.status.success())
    }

    /// Takes over what reaches code that the checked-in corpus does not, as few and as short as can be.
    fn keep(&self, target: &str) -> Result<()> {
        let mut command = self.target(target)?;
        command.args(["-merge=1", "-use_counters=0"]).arg(self.source.join("corpus").join(target));
        command.arg(self.folder("corpus", target)?);
        let finished = process::run_lines(&mut command, |_| {}, |_| {})?;
        if finished.status.success() {
            Ok(())
        } else {
            Err(Failure::new(format!("the corpus of {target} was not merged")))
        }
    }

    fn folder(&self, kind: &str, target: &str) -> Result<PathBuf> {
        let folder = self.work.join(kind).join(target);
        fs::create_dir_all(&folder).context(|| format!("cannot create {}", folder.display()))?;
        Ok(folder)
    }
}

/// How often the target ran, and how much code that reached.
fn summary(log: &[String]) -> String {
    let runs = log.iter().rev().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
    let reached = log.iter().rev().find_map(|line| {
        let (_, rest) = line.split_once("cov: ")?;
        rest.split_whitespace().next()
    });
    format!("{} runs, {} edges reached", runs.map_or("?", str::trim), reached.unwrap_or("?"))
}

/// What was said when the rule was broken, and where the input lies.
fn fault(log: &[String]) -> Vec<&str> {
    let at = log.iter().position(|line| line.contains("panicked at") || line.contains("ERROR: libFuzzer"));
    let said = log[at.unwrap_or(0)..].iter().take(6);
    let written = log.iter().filter(|line| line.contains("Test unit written to"));
    said.chain(written).map(String::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_run_is_summed_up() {
        let log = lines(
            "#2\tINITED cov: 17 ft: 18 corp: 1/1b exec/s: 0 rss: 30Mb\n\
             #900\tDONE   cov: 42 ft: 99 corp: 9/70b lim: 8 exec/s: 450 rss: 31Mb\n\
             stat::number_of_executed_units: 900",
        );
        assert_eq!(summary(&log), "900 runs, 42 edges reached");
        assert_eq!(summary(&[]), "? runs, ? edges reached");
    }

    #[test]
    fn a_fault_says_what_was_broken_and_where_the_input_lies() {
        let log = lines(
            "INFO: x\nthread '<unnamed>' panicked at a.rs:1:1:\nwrong\nartifact_prefix='x'; Test unit written to x",
        );
        assert_eq!(fault(&log).len(), 4);
        assert!(fault(&[]).is_empty());
    }

    #[test]
    fn an_unknown_target_is_refused_with_those_there_are() {
        let all = ["a".to_owned(), "b".to_owned()];
        assert_eq!(select(&all, None).unwrap(), all);
        assert_eq!(select(&all, Some("c")).unwrap_err().help(), Some("one of: a b"));
    }
}
