//! `cargo dev serve-oidc`: the identity provider's process.

use std::path::PathBuf;

use crate::failure::Result;
use crate::issuer;
use crate::state::AUDIENCE;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[arg(long)]
    keys_dir: PathBuf,
    #[arg(long)]
    port: u16,
    #[arg(long)]
    issuer: String,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    issuer::serve(&args.issuer, AUDIENCE, &args.keys_dir, args.port)
}
