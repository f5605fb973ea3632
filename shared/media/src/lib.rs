//! Object storage in S3: uploads and downloads are signed here and made by clients; nothing of them passes
//! through a function, but for the one that looks at what was uploaded.
//!
//! Timeouts and retries are the client's, set where it is made.

mod cdn;
mod examine;

use std::{sync::Arc, time::Duration};

use aws_sdk_s3::{
    Client,
    error::SdkError,
    presigning::{PresignedRequest, PresigningConfig},
    types::{ChecksumAlgorithm, ChecksumType, CompletedMultipartUpload, CompletedPart},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use tidings_domain::{
    ids::Timestamp,
    limits::MEDIA_URL_MS,
    media::{Blob, Completed, Examined, ObjectKey, Objects, Part, Piece, Signed},
    ports::{PortResult, Unavailable},
};

pub use cdn::{Cdn, CdnError};

use crate::examine::Examiner;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Objects in a bucket.
#[derive(Clone, Debug)]
pub struct S3Objects {
    client: Client,
    bucket: String,
    cdn: Option<Cdn>,
}

impl S3Objects {
    /// The objects in this bucket; read through the CDN where there is one.
    pub fn new(client: Client, bucket: impl Into<String>, cdn: Option<Cdn>) -> Self {
        Self { client, bucket: bucket.into(), cdn }
    }

    async fn put_request(&self, object: &ObjectKey, blob: &Blob) -> Result<Signed, BoxError> {
        let request = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(object.as_str())
            .content_type(blob.mime.name())
            .content_length(length(blob.size_bytes)?)
            .checksum_sha256(checksum(&blob.sha256)?)
            .presigned(expiring(MEDIA_URL_MS)?)
            .await?;
        Ok(signed(&request))
    }

    async fn part_request(
        &self,
        object: &ObjectKey,
        upload_id: &str,
        number: u32,
        size_bytes: u64,
        sha256: &str,
    ) -> Result<Signed, BoxError> {
        let request = self
            .client
            .upload_part()
            .bucket(&self.bucket)
            .key(object.as_str())
            .upload_id(upload_id)
            .part_number(i32::try_from(number)?)
            .content_length(length(size_bytes)?)
            .checksum_sha256(checksum(sha256)?)
            .presigned(expiring(MEDIA_URL_MS)?)
            .await?;
        Ok(signed(&request))
    }

    async fn begin_upload(&self, object: &ObjectKey, blob: &Blob) -> Result<Arc<str>, BoxError> {
        let answer = self
            .client
            .create_multipart_upload()
            .bucket(&self.bucket)
            .key(object.as_str())
            .content_type(blob.mime.name())
            .checksum_algorithm(ChecksumAlgorithm::Sha256)
            // S3 has a hash of all bytes only for objects of one part; this one is of the parts' hashes.
            .checksum_type(ChecksumType::Composite)
            .send()
            .await?;
        Ok(answer.upload_id.ok_or("no upload id in the answer")?.into())
    }

    async fn list_parts(&self, object: &ObjectKey, upload_id: &str) -> Result<Option<Vec<Part>>, BoxError> {
        let (mut parts, mut marker) = (Vec::new(), None);
        loop {
            let answer = self
                .client
                .list_parts()
                .bucket(&self.bucket)
                .key(object.as_str())
                .upload_id(upload_id)
                .set_part_number_marker(marker)
                .send()
                .await;
            let answer = match answer {
                Ok(answer) => answer,
                Err(error) if is_code(&error, "NoSuchUpload") => return Ok(None),
                Err(error) => return Err(error.into()),
            };
            for part in answer.parts.unwrap_or_default() {
                parts.push(Part {
                    number: u32::try_from(part.part_number.unwrap_or_default())?,
                    size_bytes: u64::try_from(part.size.unwrap_or_default())?,
                    sha256: part.checksum_sha256.as_deref().map(hex_of).transpose()?.unwrap_or_default().into(),
                    etag: part.e_tag.unwrap_or_default().into(),
                });
            }
            marker = answer.next_part_number_marker;
            if !answer.is_truncated.unwrap_or_default() || marker.is_none() {
                return Ok(Some(parts));
            }
        }
    }

    async fn complete_upload(
        &self,
        object: &ObjectKey,
        upload_id: &str,
        parts: &[Part],
    ) -> Result<Completed, BoxError> {
        let parts = parts.iter().map(|part| {
            let built = CompletedPart::builder()
                .part_number(i32::try_from(part.number)?)
                .e_tag(part.etag.as_ref())
                .set_checksum_sha256((!part.sha256.is_empty()).then(|| checksum(&part.sha256)).transpose()?);
            Ok::<_, BoxError>(built.build())
        });
        let whole = CompletedMultipartUpload::builder().set_parts(Some(parts.collect::<Result<_, _>>()?)).build();
        let answer = self
            .client
            .complete_multipart_upload()
            .bucket(&self.bucket)
            .key(object.as_str())
            .upload_id(upload_id)
            .multipart_upload(whole)
            .send()
            .await;
        match answer {
            Ok(_) => Ok(Completed::Done),
            Err(error) if is_code(&error, "NoSuchUpload") => Ok(Completed::NoUpload),
            Err(error) => Err(error.into()),
        }
    }

    async fn abort_upload(&self, object: &ObjectKey, upload_id: &str) -> Result<(), BoxError> {
        let abort = self.client.abort_multipart_upload().bucket(&self.bucket).key(object.as_str());
        match abort.upload_id(upload_id).send().await {
            Err(error) if !is_code(&error, "NoSuchUpload") => Err(error.into()),
            _ => Ok(()),
        }
    }

    async fn get_request(&self, key: &str, mime: &str, now: Timestamp, until: Timestamp) -> Result<Arc<str>, BoxError> {
        if let Some(cdn) = &self.cdn {
            return Ok(cdn.sign(key, until)?.into());
        }
        let request = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(key)
            .response_content_type(mime)
            .response_content_disposition("attachment")
            .presigned(expiring(until.ms_since(now))?)
            .await?;
        Ok(request.uri().into())
    }

    async fn read_whole(&self, object: &ObjectKey, bytes_max: u64) -> Result<Option<Vec<u8>>, BoxError> {
        let answer = match self.client.get_object().bucket(&self.bucket).key(object.as_str()).send().await {
            Ok(answer) => answer,
            Err(error) if is_code(&error, "NoSuchKey") => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let length = u64::try_from(answer.content_length.unwrap_or_default())?;
        if length > bytes_max {
            return Err(format!("{length} bytes, where {bytes_max} were announced at most").into());
        }
        let (mut body, mut bytes) = (answer.body, Vec::with_capacity(usize::try_from(length)?));
        while let Some(chunk) = body.try_next().await? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() as u64 > bytes_max {
                return Err(format!("more than {bytes_max} bytes").into());
            }
        }
        Ok(Some(bytes))
    }

    async fn put_made(&self, object: &ObjectKey, piece: Piece, bytes: Vec<u8>) -> Result<(), BoxError> {
        let put = self.client.put_object().bucket(&self.bucket).key(piece.key(object)).content_type(piece.mime());
        put.body(bytes.into()).send().await?;
        Ok(())
    }

    async fn delete(&self, key: &str) -> Result<(), BoxError> {
        self.client.delete_object().bucket(&self.bucket).key(key).send().await?;
        Ok(())
    }

    async fn read_through(&self, object: &ObjectKey) -> Result<Option<Examined>, BoxError> {
        let answer = match self.client.get_object().bucket(&self.bucket).key(object.as_str()).send().await {
            Ok(answer) => answer,
            Err(error) if is_code(&error, "NoSuchKey") => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let (mut body, mut examiner) = (answer.body, Examiner::default());
        while let Some(chunk) = body.try_next().await? {
            examiner.read(&chunk);
        }
        Ok(Some(examiner.finish()))
    }
}

fn is_code<E>(error: &SdkError<E>, code: &str) -> bool
where
    E: aws_sdk_s3::error::ProvideErrorMetadata,
{
    error.as_service_error().and_then(aws_sdk_s3::error::ProvideErrorMetadata::code) == Some(code)
}

fn expiring(ms: u64) -> Result<PresigningConfig, BoxError> {
    // At least a second: an address that never works is of no use, and refused by the SDK.
    Ok(PresigningConfig::expires_in(Duration::from_secs((ms / 1000).max(1)))?)
}

fn length(size_bytes: u64) -> Result<i64, BoxError> {
    Ok(i64::try_from(size_bytes)?)
}

/// Headers that every client sends by itself, and that a browser lets nobody set.
const OWN_HEADERS: [&str; 2] = ["host", "content-length"];

fn signed(request: &PresignedRequest) -> Signed {
    let headers = request.headers().filter(|(name, _)| !OWN_HEADERS.contains(name));
    Signed {
        method: request.method().into(),
        url: request.uri().into(),
        headers: headers.map(|(name, value)| (name.into(), value.into())).collect(),
    }
}

/// The form of S3, base64, of 64 hexadecimal digits.
fn checksum(hex: &str) -> Result<String, BoxError> {
    let digits: Vec<u8> = (0..hex.len() / 2)
        .map(|i| u8::from_str_radix(hex.get(2 * i..2 * i + 2).unwrap_or_default(), 16))
        .collect::<Result<_, _>>()?;
    Ok(STANDARD.encode(digits))
}

fn hex_of(base64: &str) -> Result<String, BoxError> {
    Ok(examine::hex(&STANDARD.decode(base64)?))
}

fn failed(operation: &'static str) -> impl FnOnce(BoxError) -> Unavailable {
    move |source| Unavailable { operation, source }
}

impl Objects for S3Objects {
    fn sign_put<'a>(&'a self, object: &'a ObjectKey, blob: &'a Blob) -> PortResult<'a, Signed> {
        Box::pin(async move { self.put_request(object, blob).await.map_err(failed("sign an upload")) })
    }

    fn begin_parts<'a>(&'a self, object: &'a ObjectKey, blob: &'a Blob) -> PortResult<'a, Arc<str>> {
        Box::pin(async move { self.begin_upload(object, blob).await.map_err(failed("begin an upload in parts")) })
    }

    fn sign_part<'a>(
        &'a self,
        object: &'a ObjectKey,
        upload_id: &'a str,
        number: u32,
        size_bytes: u64,
        sha256: &'a str,
    ) -> PortResult<'a, Signed> {
        Box::pin(async move {
            let part = self.part_request(object, upload_id, number, size_bytes, sha256);
            part.await.map_err(failed("sign a part"))
        })
    }

    fn parts<'a>(&'a self, object: &'a ObjectKey, upload_id: &'a str) -> PortResult<'a, Option<Vec<Part>>> {
        Box::pin(async move { self.list_parts(object, upload_id).await.map_err(failed("list parts")) })
    }

    fn complete<'a>(
        &'a self,
        object: &'a ObjectKey,
        upload_id: &'a str,
        parts: &'a [Part],
    ) -> PortResult<'a, Completed> {
        Box::pin(
            async move { self.complete_upload(object, upload_id, parts).await.map_err(failed("put parts together")) },
        )
    }

    fn abort<'a>(&'a self, object: &'a ObjectKey, upload_id: &'a str) -> PortResult<'a, ()> {
        Box::pin(async move { self.abort_upload(object, upload_id).await.map_err(failed("give an upload up")) })
    }

    fn sign_get<'a>(
        &'a self,
        object: &'a ObjectKey,
        mime: &'a str,
        now: Timestamp,
        until: Timestamp,
    ) -> PortResult<'a, Arc<str>> {
        Box::pin(
            async move { self.get_request(object.as_str(), mime, now, until).await.map_err(failed("sign a download")) },
        )
    }

    fn examine<'a>(&'a self, object: &'a ObjectKey) -> PortResult<'a, Option<Examined>> {
        Box::pin(async move { self.read_through(object).await.map_err(failed("read an object")) })
    }

    fn remove<'a>(&'a self, object: &'a ObjectKey) -> PortResult<'a, ()> {
        Box::pin(async move { self.delete(object.as_str()).await.map_err(failed("remove an object")) })
    }

    fn read<'a>(&'a self, object: &'a ObjectKey, bytes_max: u64) -> PortResult<'a, Option<Vec<u8>>> {
        Box::pin(async move { self.read_whole(object, bytes_max).await.map_err(failed("read an object whole")) })
    }

    fn put_piece<'a>(&'a self, object: &'a ObjectKey, piece: Piece, bytes: Vec<u8>) -> PortResult<'a, ()> {
        Box::pin(async move { self.put_made(object, piece, bytes).await.map_err(failed("keep a piece of a preview")) })
    }

    fn sign_piece<'a>(
        &'a self,
        object: &'a ObjectKey,
        piece: Piece,
        now: Timestamp,
        until: Timestamp,
    ) -> PortResult<'a, Arc<str>> {
        Box::pin(async move {
            let key = piece.key(object);
            self.get_request(&key, piece.mime(), now, until).await.map_err(failed("sign a download"))
        })
    }

    fn remove_pieces<'a>(&'a self, object: &'a ObjectKey) -> PortResult<'a, ()> {
        Box::pin(async move {
            for piece in Piece::ALL {
                self.delete(&piece.key(object)).await.map_err(failed("remove a piece of a preview"))?;
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests;
