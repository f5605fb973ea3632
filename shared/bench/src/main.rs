//! `tidings-bench`: the modelled part and the code part of `cargo dev bench`.
#![expect(clippy::print_stdout, reason = "a command says what it found")]

use std::{alloc::System, error::Error, path::PathBuf};

use clap::Parser;
use serde_json::{Value, json};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tidings_bench::{
    code::{self, Bench, Way, Work},
    modelled, plots, report,
};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[derive(Parser)]
struct Arguments {
    /// One JSON object in place of the tables.
    #[arg(long)]
    json: bool,
    /// Draw the growth curves into this folder.
    #[arg(long, value_name = "DIR")]
    plots: Option<PathBuf>,
    /// Only go one way through our code, for callgrind to look at.
    #[arg(long, hide = true)]
    way: Option<String>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    if let Some(way) = arguments.way {
        code::run_for_callgrind(&way);
        return Ok(());
    }
    let works = works()?;
    let modelled = modelled::run();
    if let Some(folder) = arguments.plots {
        plots::draw(&modelled.growth, &folder)?;
    }
    if arguments.json {
        let of_code: Vec<Value> = works.iter().map(|(way, work)| json!({ "way": way.name(), "work": work })).collect();
        println!("{}", json!({ "modelled": modelled, "code": of_code }));
    } else {
        println!("{}\n{}", report::modelled(&modelled), report::code(&works));
    }
    Ok(())
}

fn works() -> Result<Vec<(Way, Work)>, Box<dyn Error>> {
    let (bench, program) = (Bench::new(), std::env::current_exe()?);
    let work = |way| {
        let allocated = code::allocations(&INSTRUMENTED_SYSTEM, &bench, way);
        (way, Work { instructions: code::instructions(&program, way), ..allocated })
    };
    Ok(Way::ALL.into_iter().map(work).collect())
}
