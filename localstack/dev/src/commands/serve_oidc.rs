//! `cargo dev serve-oidc`: the identity provider's process.

use std::path::PathBuf;

use crate::failure::Result;
use crate::issuer::{self, Issuer};
use crate::keys;
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
    let issuer = Issuer { url: &args.issuer, audience: AUDIENCE, keys: keys::load_all(&args.keys_dir)? };
    issuer::serve(&issuer, args.port)
}
