//! One TLS stack for sockets and HTTP: rustls with ring, and the machine's root certificates.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;

use crate::error::BuildError;

/// The configuration. Where no address is `https` or `wss` it trusts nobody, so that a machine
/// without root certificates can use a local service.
pub(crate) fn config(secure: bool) -> Result<Arc<ClientConfig>, BuildError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(BuildError::Tls)?;
    let builder = if secure {
        builder.with_platform_verifier().map_err(BuildError::Tls)?
    } else {
        builder.with_root_certificates(RootCertStore::empty())
    };
    Ok(Arc::new(builder.with_no_client_auth()))
}
