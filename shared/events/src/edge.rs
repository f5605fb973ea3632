//! Whether a request has come through the edge, and whose it is then.

use std::collections::HashMap;

use thiserror::Error;

/// What CloudFront shows, so that nobody goes around it.
const SECRET_HEADER: &str = "x-tidings-edge";

/// A request that has gone around the edge.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("this deployment is reached through its edge alone")]
pub struct AroundTheEdge;

/// The address of the client. Without an edge it is what API Gateway saw. Behind one that is CloudFront's: the client's is what
/// CloudFront has written before it, and who does not show the secret is refused.
pub(crate) fn client_address<'a>(
    headers: &'a HashMap<String, String>,
    source_ip: Option<&'a str>,
    secret: Option<&str>,
) -> Result<Option<&'a str>, AroundTheEdge> {
    let Some(secret) = secret else { return Ok(source_ip) };
    let header =
        |name: &str| headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str());
    if header(SECRET_HEADER) != Some(secret) {
        return Err(AroundTheEdge);
    }
    // The last address is that of the edge itself, as API Gateway saw it; what stands further in front, the client may have made up.
    let mut addresses = header("x-forwarded-for").unwrap_or_default().rsplit(',').map(str::trim);
    let last = addresses.next();
    let of_client = if last == source_ip { addresses.next() } else { last };
    Ok(of_client.filter(|address| !address.is_empty()).or(source_ip))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(list: &[(&str, &str)]) -> HashMap<String, String> {
        list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn behind_an_edge_the_address_is_the_one_that_the_edge_has_seen() {
        let made_up = headers(&[("X-Forwarded-For", "192.0.2.66, 192.0.2.1, 198.51.100.7"), ("X-Tidings-Edge", "s")]);
        let address = |secret| client_address(&made_up, Some("198.51.100.7"), secret);
        assert_eq!(address(None), Ok(Some("198.51.100.7")), "without an edge nothing in a header counts");
        assert_eq!(address(Some("s")), Ok(Some("192.0.2.1")));
        assert_eq!(address(Some("t")), Err(AroundTheEdge));
        let bare = headers(&[("x-tidings-edge", "s")]);
        assert_eq!(client_address(&bare, Some("198.51.100.7"), Some("s")), Ok(Some("198.51.100.7")));
        let short = headers(&[("x-tidings-edge", "s"), ("x-forwarded-for", "192.0.2.1")]);
        assert_eq!(client_address(&short, Some("198.51.100.7"), Some("s")), Ok(Some("192.0.2.1")));
    }
}
