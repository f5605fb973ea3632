//! Where access tokens come from.

use std::{error::Error, fmt, future::Future, pin::Pin, sync::Arc};

/// A token was not to be had. The client tries again later.
#[derive(Clone, Debug)]
pub struct TokenError(Arc<dyn Error + Send + Sync>);

impl TokenError {
    /// Wraps what went wrong.
    pub fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(Arc::from(source.into()))
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Error for TokenError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

/// A token to come.
pub type TokenFuture<'a> = Pin<Box<dyn Future<Output = Result<String, TokenError>> + Send + 'a>>;

/// Gives access tokens. It is asked before each connection and each HTTP call, so it should
/// remember a token that is still good.
pub trait TokenProvider: Send + Sync + 'static {
    /// A token; with `fresh`, not the last one again, which the service refused.
    fn token(&self, fresh: bool) -> TokenFuture<'_>;
}

/// One token for ever.
pub struct StaticToken(String);

impl StaticToken {
    /// Always this token.
    pub fn new(token: impl Into<String>) -> Self {
        Self(token.into())
    }
}

impl TokenProvider for StaticToken {
    fn token(&self, _fresh: bool) -> TokenFuture<'_> {
        Box::pin(std::future::ready(Ok(self.0.clone())))
    }
}

struct TokenFn<F>(F);

impl<F, T> TokenProvider for TokenFn<F>
where
    F: Fn(bool) -> T + Send + Sync + 'static,
    T: Future<Output = Result<String, TokenError>> + Send + 'static,
{
    fn token(&self, fresh: bool) -> TokenFuture<'_> {
        Box::pin((self.0)(fresh))
    }
}

/// A provider from a function; its argument is `fresh` of [`TokenProvider::token`].
pub fn token_fn<F, T>(function: F) -> impl TokenProvider
where
    F: Fn(bool) -> T + Send + Sync + 'static,
    T: Future<Output = Result<String, TokenError>> + Send + 'static,
{
    TokenFn(function)
}
