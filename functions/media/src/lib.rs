//! Media over HTTP. Content goes between the client and storage alone: this function signs, and says who may.

use serde_json::Value;
use tidings_bus::SqsPreviewQueue;
use tidings_domain::{
    history::ReadPorts,
    ids::{MediaHandle, Sender},
    media::{
        PreviewView, UploadPorts, ViewPorts, abandon, complete, offer, parts, preview, sign_parts, view, view_by_invite,
    },
    ports::BoxFuture,
    rate::{UPLOADS_PER_USER, take},
};
use tidings_media::S3Objects;
use tidings_protocol::{
    ErrorCode, convert,
    media::{PartsRequest, PresignRequest},
};
use tidings_runtime::{
    Adapters, Callers, Failure, Function, FunctionError, HttpAnswer, HttpRequest, SystemClock, config::ConfigError,
};
use tidings_store::{DynamoBuckets, DynamoConversations, DynamoLog, DynamoMedia, DynamoPersonal};

/// The function.
pub struct Media {
    callers: Callers,
    log: DynamoLog,
    conversations: DynamoConversations,
    personal: DynamoPersonal,
    rows: DynamoMedia,
    objects: S3Objects,
    previews: SqsPreviewQueue,
    buckets: DynamoBuckets,
}

impl Media {
    /// Builds the function from its configuration.
    pub fn build(adapters: &Adapters) -> Result<Self, ConfigError> {
        Ok(Self {
            callers: Callers::build(adapters)?,
            log: adapters.log()?,
            conversations: adapters.conversations()?,
            personal: adapters.personal()?,
            rows: adapters.media()?,
            objects: adapters.readable_objects()?,
            previews: adapters.previews()?,
            buckets: adapters.buckets()?,
        })
    }

    async fn answer(&self, request: &HttpRequest) -> Result<HttpAnswer, Failure> {
        let caller = self.callers.verify(request).await?;
        match request.route_key.as_str() {
            "POST /media/presign" => self.presign(request, &caller).await,
            "GET /media/{handle}" => self.view(request, &caller).await,
            "GET /media/{handle}/preview" => self.preview(request, &caller).await,
            "DELETE /media/{handle}" => {
                abandon(self.uploads(), &caller.user, handle(request)?).await?;
                Ok(HttpAnswer::nothing())
            }
            "POST /media/{handle}/parts" => self.sign_parts(request, &caller).await,
            "GET /media/{handle}/parts" => {
                let (there, plan) = parts(self.uploads(), &caller.user, handle(request)?).await?;
                Ok(HttpAnswer::json(&convert::parts_there(&there, plan)))
            }
            "POST /media/{handle}/complete" => {
                let handle = handle(request)?;
                let status = complete(self.uploads(), &caller.user, handle).await?;
                Ok(HttpAnswer::json(&convert::media_completed(handle, status)))
            }
            _ => Err(Failure::new(ErrorCode::NotFound, "there is no such call")),
        }
    }

    async fn presign(&self, request: &HttpRequest, caller: &Sender) -> Result<HttpAnswer, Failure> {
        let body: PresignRequest = request.body()?;
        let (conversation, blob) = convert::presign_request(&body)?;
        let blob = blob?;
        take(&self.buckets, &SystemClock, &UPLOADS_PER_USER.of_user(&caller.user)).await?;
        let offer = offer(self.uploads(), &caller.user, &conversation, &blob).await?;
        Ok(HttpAnswer::json(&convert::presigned(&offer)))
    }

    async fn preview(&self, request: &HttpRequest, caller: &Sender) -> Result<HttpAnswer, Failure> {
        let (handle, size) = (handle(request)?, convert::preview_size(request.query("size"))?);
        let found = preview(self.views(), &self.previews, &caller.user, handle, size).await?;
        let answer = convert::preview_info(&found);
        Ok(match found {
            PreviewView::Pending { retry_after_ms } => HttpAnswer::accepted(&answer, retry_after_ms),
            _ => HttpAnswer::json(&answer),
        })
    }

    fn views(&self) -> ViewPorts<'_> {
        let read = ReadPorts {
            log: &self.log,
            conversations: &self.conversations,
            personal: &self.personal,
            clock: &SystemClock,
        };
        ViewPorts { read, media: &self.rows, objects: &self.objects }
    }

    async fn view(&self, request: &HttpRequest, caller: &Sender) -> Result<HttpAnswer, Failure> {
        let ports = self.views();
        let handle = handle(request)?;
        let seen = match request.query("invite") {
            Some(token) => {
                let token = convert::invite_token_at("invite", token)?;
                view_by_invite(ports, &self.conversations, &caller.user, &token, handle).await?
            }
            None => view(ports, &caller.user, handle).await?,
        };
        Ok(HttpAnswer::json(&convert::media_info(&seen)))
    }

    async fn sign_parts(&self, request: &HttpRequest, caller: &Sender) -> Result<HttpAnswer, Failure> {
        let handle = handle(request)?;
        let body: PartsRequest = request.body()?;
        let wanted = convert::parts_request(&body)?;
        let (signed, until) = sign_parts(self.uploads(), &caller.user, handle, &wanted).await?;
        Ok(HttpAnswer::json(&convert::parts_signed(&signed, until)))
    }

    fn uploads(&self) -> UploadPorts<'_> {
        UploadPorts {
            media: &self.rows,
            objects: &self.objects,
            conversations: &self.conversations,
            clock: &SystemClock,
        }
    }
}

fn handle(request: &HttpRequest) -> Result<MediaHandle, Failure> {
    Ok(convert::media_handle("handle", request.path("handle"))?)
}

impl Function for Media {
    fn call(&self, event: Value) -> BoxFuture<'_, Result<Value, FunctionError>> {
        Box::pin(async move {
            let request = HttpRequest::parse(event)?;
            Ok(Box::pin(self.answer(&request)).await.unwrap_or_else(HttpAnswer::from).into_value())
        })
    }

    fn warm_up(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.log.warm_up())
    }
}
