//! `cargo dev serve-oidc`: the identity provider's process.

use std::path::PathBuf;

use crate::failure::Result;
use crate::issuer::{self, Served};
use crate::state::AUDIENCE;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[arg(long)]
    keys_dir: PathBuf,
    #[arg(long)]
    port: u16,
    #[arg(long)]
    issuer: String,
    /// Where the web client's files are, once it is built.
    #[arg(long)]
    site: PathBuf,
    /// What tells where the stack is, once it is deployed.
    #[arg(long)]
    state: PathBuf,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let (keys, site, state) = (args.keys_dir.clone(), args.site.clone(), args.state.clone());
    issuer::serve(Served { issuer: args.issuer.clone(), audience: AUDIENCE, keys, site, state }, args.port)
}
