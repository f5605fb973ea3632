//! Writes the seeds of every target into its corpus, and the fuzzer's dictionary: `cargo run -p tidings-decoders --example seeds`.

use std::{fs, io, path::Path};

use tidings_decoders::TARGETS;

fn main() -> io::Result<()> {
    let fuzz = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz"));
    fs::write(fuzz.join("words.dict"), tidings_decoders::dictionary())?;
    for target in TARGETS {
        let folder = fuzz.join("corpus").join(target.name);
        fs::create_dir_all(&folder)?;
        for file in fs::read_dir(&folder)? {
            let file = file?;
            if file.file_name().to_string_lossy().starts_with("seed-") {
                fs::remove_file(file.path())?;
            }
        }
        for seed in (target.seeds)() {
            fs::write(folder.join(format!("seed-{}", seed.name)), seed.input)?;
        }
    }
    Ok(())
}
