//! Requests of strangers, reports, and what administrators do.

use reqwest::Method;
use tidings_protocol::abuse::{
    AdminKeyList, AdminKeyMade, AdminKeyMake, BanMade, BanMake, DeedPage, ReportMade, ReportMake, ReportPage,
    ReportResolve, UserFile,
};

use crate::{
    error::HttpError,
    http::{Http, Query, encoded},
};

impl Http {
    /// Accepts that a stranger writes to the user.
    pub async fn accept_request(&self, user: &str) -> Result<(), HttpError> {
        self.call(Method::PUT, &format!("/requests/{}", encoded(user)), None).await.map(drop)
    }

    /// Turns a stranger down: blocks them, and puts the conversation away.
    pub async fn decline_request(&self, user: &str) -> Result<(), HttpError> {
        self.call(Method::DELETE, &format!("/requests/{}", encoded(user)), None).await.map(drop)
    }

    /// Reports a message of another's.
    pub async fn report(&self, report: &ReportMake) -> Result<ReportMade, HttpError> {
        self.post("/reports", report).await
    }

    /// Bans a user. For administrators, as all that follows.
    pub async fn ban(&self, user: &str, ban: &BanMake) -> Result<BanMade, HttpError> {
        self.put(&format!("/admin/bans/{}", encoded(user)), ban).await
    }

    /// Ends a ban.
    pub async fn unban(&self, user: &str) -> Result<(), HttpError> {
        self.call(Method::DELETE, &format!("/admin/bans/{}", encoded(user)), None).await.map(drop)
    }

    /// What is known of a user.
    pub async fn user_file(&self, user: &str) -> Result<UserFile, HttpError> {
        self.get(&format!("/admin/users/{}", encoded(user))).await
    }

    /// What was reported on a day, which is that of any moment of it in ms since the epoch; none: today.
    pub async fn reports(&self, day: Option<u64>, before: Option<&str>) -> Result<ReportPage, HttpError> {
        self.get(&format!("/admin/reports{}", of_day(day, before))).await
    }

    /// Says what became of a report.
    pub async fn resolve_report(&self, report: &str, note: &ReportResolve) -> Result<(), HttpError> {
        self.tell(&format!("/admin/reports/{}", encoded(report)), note).await
    }

    /// What administrators did on a day.
    pub async fn audit(&self, day: Option<u64>, before: Option<&str>) -> Result<DeedPage, HttpError> {
        self.get(&format!("/admin/audit{}", of_day(day, before))).await
    }

    /// The keys of machines that administrate.
    pub async fn admin_keys(&self) -> Result<AdminKeyList, HttpError> {
        self.get("/admin/keys").await
    }

    /// Makes one, in place of one of its name.
    pub async fn make_admin_key(&self, name: &str, key: &AdminKeyMake) -> Result<AdminKeyMade, HttpError> {
        self.put(&format!("/admin/keys/{}", encoded(name)), key).await
    }

    /// Forgets one.
    pub async fn drop_admin_key(&self, name: &str) -> Result<(), HttpError> {
        self.call(Method::DELETE, &format!("/admin/keys/{}", encoded(name)), None).await.map(drop)
    }
}

fn of_day(day: Option<u64>, before: Option<&str>) -> Query {
    let mut query = Query::default();
    query.add("day", day);
    query.add("before", before);
    query
}
