//! What administrators do, over HTTP: bans, reports, the audit log, and the keys of machines that do it for them.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::Value;
use tidings_auth::{AdminToken, admin_token_hash, new_admin_token};
use tidings_domain::{
    bans::BanPorts,
    ids::{Timestamp, UserId},
    limits::ADMIN_PAGE_MAX,
    moderation::{self, AdminPorts, Filed, Moderation},
    ports::{BoxFuture, Clock},
    rate::{CALLS_PER_ADMIN, take},
};
use tidings_gateway::ApiGateway;
use tidings_protocol::{
    ErrorCode,
    abuse::{AdminKeyMade, AdminKeyMake, BanMake, ReportResolve},
    convert,
};
use tidings_runtime::{
    Adapters, Callers, Failure, Function, FunctionError, HttpAnswer, HttpRequest, SystemClock,
    config::{self, ConfigError},
};
use tidings_store::{DynamoAbuse, DynamoBuckets, DynamoDevices, DynamoSessions};

/// The function.
pub struct Admin {
    callers: Callers,
    users: BTreeSet<UserId>,
    abuse: DynamoAbuse,
    buckets: DynamoBuckets,
    devices: DynamoDevices,
    sessions: DynamoSessions,
    gateway: ApiGateway,
}

/// Who administrates.
struct Administrator {
    /// What the audit log calls them.
    name: Arc<str>,
    /// It is a person: keys make no keys.
    is_person: bool,
}

impl Admin {
    /// Builds the function from its configuration.
    pub fn build(adapters: &Adapters) -> Result<Self, ConfigError> {
        Ok(Self {
            callers: Callers::build(adapters)?,
            users: config::admin_users()?,
            abuse: adapters.abuse()?,
            buckets: adapters.buckets()?,
            devices: adapters.devices()?,
            sessions: adapters.sessions()?,
            gateway: adapters.gateway()?,
        })
    }

    async fn answer(&self, request: &HttpRequest) -> Result<HttpAnswer, Failure> {
        let caller = self.administrator(request).await?;
        let by = &caller.name;
        match request.route_key.as_str() {
            "PUT /admin/bans/{userId}" => {
                let user = user(request)?;
                let (reason, until) = convert::ban_request(&request.body::<BanMake>()?, SystemClock.now())?;
                let (ban, closed) = moderation::ban_user(self.ports(), by, &user, &reason, until).await?;
                Ok(HttpAnswer::json(&convert::ban_made(&ban, closed)))
            }
            "DELETE /admin/bans/{userId}" => {
                moderation::unban_user(self.ports(), by, &user(request)?).await?;
                Ok(HttpAnswer::nothing())
            }
            "GET /admin/users/{userId}" => {
                let user = user(request)?;
                let file = moderation::look_up(self.ports(), by, &user).await?;
                Ok(HttpAnswer::json(&convert::user_file(&user, &file)))
            }
            "GET /admin/reports" => {
                let Page { day, before, limit } = page(request)?;
                let reports = moderation::reports_of(self.ports(), by, day, before, limit).await?;
                Ok(HttpAnswer::json(&convert::report_page(&reports, limit)))
            }
            "POST /admin/reports/{reportId}" => {
                let report = convert::filed("reportId", request.path("reportId"))?;
                let note = convert::words("note", &request.body::<ReportResolve>()?.note)?;
                moderation::resolve(self.ports(), by, report, &note).await?;
                Ok(HttpAnswer::nothing())
            }
            "GET /admin/audit" => {
                let Page { day, before, limit } = page(request)?;
                moderation::note(self.ports(), by, "read audit", &day.0.to_string(), "").await?;
                let deeds = self.abuse.deeds(day, before, limit).await?;
                Ok(HttpAnswer::json(&convert::deed_page(&deeds, limit)))
            }
            "GET /admin/keys" => {
                moderation::note(self.ports(), by, "read keys", "", "").await?;
                Ok(HttpAnswer::json(&convert::admin_key_list(&self.abuse.keys(SystemClock.now()).await?)))
            }
            "PUT /admin/keys/{name}" => self.make_key(request, &caller).await,
            "DELETE /admin/keys/{name}" => {
                moderation::drop_key(self.ports(), by, &convert::key_name(request.path("name"))?).await?;
                Ok(HttpAnswer::nothing())
            }
            _ => Err(Failure::new(ErrorCode::NotFound, "there is no such call")),
        }
    }

    async fn make_key(&self, request: &HttpRequest, caller: &Administrator) -> Result<HttpAnswer, Failure> {
        if !caller.is_person {
            return Err(Failure::new(ErrorCode::Forbidden, "a key makes no keys"));
        }
        let name = convert::key_name(request.path("name"))?;
        let life_ms = convert::key_life_ms(&request.body::<AdminKeyMake>()?)?;
        let (token, hash) = new_admin_token(&name)?;
        let key = moderation::make_key(self.ports(), &caller.name, &name, hash, life_ms).await?;
        let made = AdminKeyMade { name: key.name.to_string(), key: token, until: key.until.0 };
        Ok(HttpAnswer::json(&made))
    }

    /// A user whom the deployment names, by their access token; or a machine, by a key that one of them has made. Each has a
    /// bucket of calls.
    async fn administrator(&self, request: &HttpRequest) -> Result<Administrator, Failure> {
        let administrator = if let Some(token) = request.bearer().and_then(AdminToken::parse) {
            // Guesses are limited by address as all calls are.
            self.callers.admit_address(request).await?;
            let key = self.abuse.key(token.name, SystemClock.now()).await?;
            if key.is_none_or(|key| key.hash != admin_token_hash(&token)) {
                return Err(Failure::new(ErrorCode::Unauthorized, "not authenticated: there is no such key"));
            }
            Administrator { name: format!("key:{}", token.name).into(), is_person: false }
        } else {
            let caller = self.callers.verify(request).await?;
            if !self.users.contains(&caller.user) {
                return Err(Failure::new(ErrorCode::Forbidden, "for administrators alone"));
            }
            Administrator { name: format!("user:{}", caller.user).into(), is_person: true }
        };
        take(&self.buckets, &SystemClock, &CALLS_PER_ADMIN.of_name(&administrator.name)).await?;
        Ok(administrator)
    }

    fn ports(&self) -> AdminPorts<'_> {
        AdminPorts {
            moderation: &self.abuse,
            reporters: &self.abuse,
            bans: BanPorts {
                bans: &self.devices,
                devices: &self.devices,
                sessions: &self.sessions,
                sockets: &self.sessions,
                gateway: &self.gateway,
                clock: &SystemClock,
            },
            clock: &SystemClock,
        }
    }
}

/// A page of what is filed by the day.
struct Page {
    day: Timestamp,
    before: Option<Filed>,
    limit: usize,
}

fn page(request: &HttpRequest) -> Result<Page, Failure> {
    let before = request.query("before").map(|place| convert::filed("before", place)).transpose()?;
    // A page goes on on the day on which the one before ended.
    let day = before.map(|place| place.at).or(request.query_number("day")?.map(Timestamp));
    let limit = convert::limit(request.query_number("limit")?, ADMIN_PAGE_MAX)?;
    Ok(Page { day: day.unwrap_or_else(|| SystemClock.now()), before, limit })
}

fn user(request: &HttpRequest) -> Result<UserId, Failure> {
    Ok(convert::user_id("userId", request.path("userId"))?)
}

impl Function for Admin {
    fn call(&self, event: Value) -> BoxFuture<'_, Result<Value, FunctionError>> {
        Box::pin(async move {
            let request = HttpRequest::parse(event)?;
            Ok(self.answer(&request).await.unwrap_or_else(Into::into).into_value_for(&request))
        })
    }
}
