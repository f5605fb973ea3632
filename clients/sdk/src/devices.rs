//! Devices, blocks, and when not to disturb.

use reqwest::Method;
use tidings_protocol::devices::{BlockPage, DeviceInfo, DeviceList, DeviceRegistration, UserSettings};

use crate::{
    error::HttpError,
    http::{Http, Query, encoded},
};

impl Http {
    /// Says what a device of the user's is called, and where to push to, in place of what it said before.
    pub async fn register_device(
        &self,
        device: &str,
        registration: &DeviceRegistration,
    ) -> Result<DeviceInfo, HttpError> {
        self.put(&format!("/devices/{}", encoded(device)), registration).await
    }

    /// The user's devices that were not revoked, the latest seen first.
    pub async fn devices(&self) -> Result<DeviceList, HttpError> {
        self.get("/devices").await
    }

    /// Lets a device of the user's connect no more.
    pub async fn revoke_device(&self, device: &str) -> Result<(), HttpError> {
        self.call(Method::DELETE, &format!("/devices/{}", encoded(device)), None).await.map(drop)
    }

    /// Whom the user has blocked, by name, after one.
    pub async fn blocks(&self, after: Option<&str>, limit: Option<u32>) -> Result<BlockPage, HttpError> {
        let mut query = Query::default();
        query.add("after", after);
        query.add("limit", limit);
        self.get(&format!("/blocks{query}")).await
    }

    /// Blocks a user.
    pub async fn block(&self, user: &str) -> Result<(), HttpError> {
        self.call(Method::PUT, &format!("/blocks/{}", encoded(user)), None).await.map(drop)
    }

    /// Ends a block.
    pub async fn unblock(&self, user: &str) -> Result<(), HttpError> {
        self.call(Method::DELETE, &format!("/blocks/{}", encoded(user)), None).await.map(drop)
    }

    /// What the user has set for all conversations.
    pub async fn user_settings(&self) -> Result<UserSettings, HttpError> {
        self.get("/settings").await
    }

    /// Sets what applies to all conversations, in place of what was set before.
    pub async fn set_user_settings(&self, settings: &UserSettings) -> Result<UserSettings, HttpError> {
        self.put("/settings", settings).await
    }
}
