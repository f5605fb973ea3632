//! `GET /search`.

use std::sync::Arc;

use serde_json::Value;
use tidings_domain::{
    ids::Sender,
    ports::BoxFuture,
    rate::{SEARCHES_PER_USER, take},
};
use tidings_fn_indexer::index_of;
use tidings_index::Room;
use tidings_protocol::{ErrorCode, convert};
use tidings_runtime::{
    Adapters, Callers, Failure, Function, FunctionError, HttpAnswer, HttpRequest, SystemClock, config::ConfigError,
};
use tidings_search::{
    finding::{FindError, FindPorts, find},
    index::Index,
};
use tidings_store::{DynamoAnnotations, DynamoBuckets, DynamoConversations, DynamoLog, DynamoPersonal, DynamoRules};

/// The function.
pub struct Search {
    callers: Callers,
    index: Arc<dyn Index>,
    log: DynamoLog,
    conversations: DynamoConversations,
    annotations: DynamoAnnotations,
    personal: DynamoPersonal,
    rules: DynamoRules,
    buckets: DynamoBuckets,
}

impl Search {
    /// Builds the function from its configuration.
    pub fn build(adapters: &Adapters) -> Result<Self, ConfigError> {
        Ok(Self {
            callers: Callers::build(adapters)?,
            index: index_of(adapters, Room::with_files())?,
            log: adapters.log()?,
            conversations: adapters.conversations()?,
            annotations: adapters.annotations()?,
            personal: adapters.personal()?,
            rules: adapters.rules()?,
            buckets: adapters.buckets()?,
        })
    }

    async fn answer(&self, request: &HttpRequest) -> Result<HttpAnswer, Failure> {
        let caller = self.callers.verify(request).await?;
        match request.route_key.as_str() {
            "GET /search" => self.search(request, &caller).await,
            _ => Err(Failure::new(ErrorCode::NotFound, "there is no such call")),
        }
    }

    async fn search(&self, request: &HttpRequest, caller: &Sender) -> Result<HttpAnswer, Failure> {
        let wanted = convert::search_request(|name| request.query(name))?;
        take(&self.buckets, &SystemClock, &SEARCHES_PER_USER.of_user(&caller.user)).await?;
        let ports = FindPorts {
            index: self.index.as_ref(),
            log: &self.log,
            conversations: &self.conversations,
            annotations: &self.annotations,
            personal: &self.personal,
            rules: &self.rules,
            clock: &SystemClock,
        };
        match find(ports, &caller.user, &wanted).await {
            Ok(found) => Ok(HttpAnswer::json(&convert::search_page(&found))),
            Err(FindError::Unavailable(error)) => Err(error.into()),
            Err(error @ FindError::NotAMember(_)) => Err(Failure::new(ErrorCode::NotAMember, error.to_string())),
        }
    }
}

impl Function for Search {
    fn call(&self, event: Value) -> BoxFuture<'_, Result<Value, FunctionError>> {
        Box::pin(async move {
            let request = HttpRequest::parse(event)?;
            Ok(self.answer(&request).await.unwrap_or_else(HttpAnswer::from).into_value_for(&request))
        })
    }

    fn warm_up(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.log.warm_up())
    }
}
