//! Objects in S3.

use std::ops::Range;

use aws_sdk_s3::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    primitives::ByteStream,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use tidings_domain::{
    ids::Timestamp,
    ports::{PortResult, Unavailable},
};

use crate::{Blob, Blobs, Listed};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Objects that are removed at once.
const REMOVALS_AT_ONCE: usize = 8;

/// Objects in a bucket.
#[derive(Clone, Debug)]
pub struct S3Blobs {
    client: Client,
    bucket: String,
}

impl S3Blobs {
    /// The objects in this bucket.
    pub fn new(client: Client, bucket: impl Into<String>) -> Self {
        Self { client, bucket: bucket.into() }
    }

    async fn read(&self, key: &str, range: Option<Range<u64>>) -> Result<Option<Blob>, BoxError> {
        let range = range.map(|range| format!("bytes={}-{}", range.start, range.end.saturating_sub(1)));
        let answer = self.client.get_object().bucket(&self.bucket).key(key).set_range(range).send().await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) if is_code(&error, &["NoSuchKey"]) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let bytes = answer.body.collect().await?.into_bytes().to_vec();
        Ok(Some(Blob { bytes, etag: answer.e_tag.unwrap_or_default() }))
    }

    async fn write(&self, key: &str, bytes: &[u8]) -> Result<(), BoxError> {
        let body = ByteStream::from(bytes.to_vec());
        self.client.put_object().bucket(&self.bucket).key(key).body(body).send().await?;
        Ok(())
    }

    async fn write_if(&self, key: &str, bytes: &[u8], expected: Option<&str>) -> Result<Option<String>, BoxError> {
        let put = self.client.put_object().bucket(&self.bucket).key(key).body(ByteStream::from(bytes.to_vec()));
        let put = match expected {
            Some(etag) => put.if_match(etag),
            None => put.if_none_match("*"),
        };
        match put.send().await {
            Ok(answer) => Ok(Some(answer.e_tag.ok_or("no etag in the answer")?)),
            // NoSuchKey: what was to be replaced is gone.
            Err(error) if is_code(&error, &["PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"]) => {
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn remove_all(&self, keys: &[String]) -> Result<(), BoxError> {
        stream::iter(keys.to_vec())
            .map(|key| async move {
                self.client.delete_object().bucket(&self.bucket).key(key).send().await?;
                Ok::<_, BoxError>(())
            })
            .buffer_unordered(REMOVALS_AT_ONCE)
            .try_collect::<Vec<()>>()
            .await?;
        Ok(())
    }

    async fn list_all(&self, prefix: &str) -> Result<Vec<Listed>, BoxError> {
        let (mut listed, mut token) = (Vec::new(), None);
        loop {
            let list = self.client.list_objects_v2().bucket(&self.bucket).prefix(prefix);
            let answer = list.set_continuation_token(token).send().await?;
            for object in answer.contents.unwrap_or_default() {
                let modified = object.last_modified.and_then(|at| at.to_millis().ok()).unwrap_or_default();
                listed.push(Listed {
                    key: object.key.unwrap_or_default(),
                    etag: object.e_tag.unwrap_or_default(),
                    modified: Timestamp(u64::try_from(modified)?),
                });
            }
            token = answer.next_continuation_token;
            if token.is_none() {
                return Ok(listed);
            }
        }
    }
}

fn is_code<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>, codes: &[&str]) -> bool {
    error.as_service_error().and_then(ProvideErrorMetadata::code).is_some_and(|code| codes.contains(&code))
}

fn failed(operation: &'static str) -> impl Fn(BoxError) -> Unavailable {
    move |source| Unavailable { operation, source }
}

impl Blobs for S3Blobs {
    fn get<'a>(&'a self, key: &'a str) -> PortResult<'a, Option<Blob>> {
        Box::pin(async move { self.read(key, None).await.map_err(failed("read an object")) })
    }

    fn get_range<'a>(&'a self, key: &'a str, range: Range<u64>) -> PortResult<'a, Option<Vec<u8>>> {
        Box::pin(async move {
            let blob = self.read(key, Some(range)).await.map_err(failed("read a part of an object"))?;
            Ok(blob.map(|blob| blob.bytes))
        })
    }

    fn put<'a>(&'a self, key: &'a str, bytes: &'a [u8]) -> PortResult<'a, ()> {
        Box::pin(async move { self.write(key, bytes).await.map_err(failed("put an object")) })
    }

    fn put_if<'a>(
        &'a self,
        key: &'a str,
        bytes: &'a [u8],
        expected: Option<&'a str>,
    ) -> PortResult<'a, Option<String>> {
        Box::pin(async move { self.write_if(key, bytes, expected).await.map_err(failed("put an object in its place")) })
    }

    fn remove<'a>(&'a self, keys: &'a [String]) -> PortResult<'a, ()> {
        Box::pin(async move { self.remove_all(keys).await.map_err(failed("remove objects")) })
    }

    fn list<'a>(&'a self, prefix: &'a str) -> PortResult<'a, Vec<Listed>> {
        Box::pin(async move { self.list_all(prefix).await.map_err(failed("list objects")) })
    }
}
