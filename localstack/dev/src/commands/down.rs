//! `cargo dev down`

use crate::failure::Result;
use crate::paths::Paths;
use crate::stack;

pub(crate) fn run(paths: &Paths) -> Result<()> {
    if stack::down(paths)? {
        println!("Stopped.");
    } else {
        println!("Nothing was running.");
    }
    Ok(())
}
