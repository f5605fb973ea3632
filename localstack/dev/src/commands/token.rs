//! `cargo dev token`

use crate::clock::now_ms;
use crate::failure::Result;
use crate::issuer::TOKEN_LIFETIME_S;
use crate::keys::{Algorithm, SigningKey};
use crate::paths::Paths;
use crate::state::{AUDIENCE, PORT_DEFAULT, State, Target, issuer_url};
use crate::token::{self, Claims};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// User id: 1 to 64 of A-Z a-z 0-9 . _ -
    user: String,
    /// Name a device in the token.
    #[arg(long)]
    device: Option<String>,
    /// Seconds until it expires; below zero for one that has expired already.
    #[arg(long, value_name = "SECONDS", default_value_t = TOKEN_LIFETIME_S.into(), allow_negative_numbers = true)]
    ttl: i64,
    #[arg(long, value_enum, default_value_t = Algorithm::Es256)]
    alg: Algorithm,
    /// Audience: what the stack expects, unless a refusal is to be tried.
    #[arg(long, default_value = AUDIENCE)]
    aud: String,
    /// Issuer: that of the running stack, or of one on the default port.
    #[arg(long)]
    iss: Option<String>,
}

/// Prints the token alone, so that `$(cargo dev token alice)` is one.
pub(crate) fn run(paths: &Paths, args: &Args) -> Result<()> {
    let issuer = match &args.iss {
        Some(issuer) => issuer.clone(),
        None => {
            State::load(paths)?.map_or_else(|| issuer_url(Target::Emulator, PORT_DEFAULT), |state| state.issuer_url())
        }
    };
    let key = SigningKey::load_or_make(&paths.keys(), args.alg)?;
    let token = token::issue(
        &key,
        &Claims {
            issuer: &issuer,
            audience: &args.aud,
            user: &args.user,
            device: args.device.as_deref(),
            issued_at_s: now_ms() / 1000,
            lifetime_s: args.ttl,
        },
    )?;
    println!("{token}");
    Ok(())
}
