//! Writes `docs/asyncapi.yaml` and `docs/openapi.yaml` again: `cargo run -p tidings-protocol --example documents`.

use std::{fs, io, path::Path};

use tidings_protocol::schema::{asyncapi, openapi, to_yaml};

fn main() -> io::Result<()> {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let note = "# Made from the Rust types; do not edit. `cargo run -p tidings-protocol --example documents`\n";
    fs::write(docs.join("asyncapi.yaml"), format!("{note}{}", to_yaml(&asyncapi())))?;
    fs::write(docs.join("openapi.yaml"), format!("{note}{}", to_yaml(&openapi())))
}
