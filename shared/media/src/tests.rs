//! What is signed: the local storage is laxer than S3, so the requests themselves are looked at.

use aws_sdk_s3::config::{BehaviorVersion, Config, Credentials, Region};
use tidings_domain::ids::{ConversationId, MediaHandle};

use super::*;

const SHA256: &str = "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9";

fn objects() -> S3Objects {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("id", "secret", None, None, "test"))
        .build();
    S3Objects::new(Client::from_conf(config), "bucket", None)
}

fn key() -> ObjectKey {
    let handle = MediaHandle::of(&ConversationId::parse("g:1").unwrap(), "image/png", 11, SHA256);
    ObjectKey::of(handle, Timestamp(1_800_000_000_000), 7)
}

/// The names of the headers that the signature covers.
fn signed_headers(url: &str) -> Vec<&str> {
    let (_, rest) = url.split_once("X-Amz-SignedHeaders=").unwrap();
    rest.split('&').next().unwrap().split("%3B").collect()
}

#[tokio::test]
async fn an_upload_is_signed_for_its_size_type_and_hash() {
    let blob = Blob::announced("image/png", 11, SHA256).unwrap();
    let signed = objects().sign_put(&key(), &blob).await.unwrap();
    assert_eq!(&*signed.method, "PUT");
    assert!(signed.url.contains(key().as_str()), "{}", signed.url);
    assert!(signed.url.contains("X-Amz-Expires=900"), "{}", signed.url);
    assert_eq!(
        signed_headers(&signed.url),
        ["content-length", "content-type", "host", "x-amz-checksum-sha256"],
        "{}",
        signed.url
    );
    let headers: Vec<(&str, &str)> = signed.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
    assert!(headers.contains(&("content-type", "image/png")), "{headers:?}");
    assert!(
        headers.contains(&("x-amz-checksum-sha256", "uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=")),
        "{headers:?}"
    );
    assert!(!headers.iter().any(|(name, _)| OWN_HEADERS.contains(name)), "{headers:?}");
}

#[tokio::test]
async fn a_part_is_signed_for_its_number_size_and_hash() {
    let signed = objects().sign_part(&key(), "up", 3, 11, SHA256).await.unwrap();
    assert!(signed.url.contains("partNumber=3") && signed.url.contains("uploadId=up"), "{}", signed.url);
    let names = signed_headers(&signed.url);
    assert!(names.contains(&"content-length") && names.contains(&"x-amz-checksum-sha256"), "{names:?}");
}

#[tokio::test]
async fn a_download_is_no_page_and_ends_with_the_access() {
    let now = Timestamp(1_800_000_000_000);
    let url = objects().sign_get(&key(), "image/png", now, now.plus_ms(61_500)).await.unwrap();
    assert!(url.contains("X-Amz-Expires=61"), "{url}");
    assert!(url.contains("response-content-disposition=attachment"), "{url}");
    assert!(url.contains("response-content-type=image%2Fpng"), "{url}");
    assert!(!signed_headers(&url).contains(&"range"), "ranges may be asked for: {url}");
}
