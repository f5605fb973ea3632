//! The push services: SNS platform endpoints for Apple's and Google's, and browsers' by the standard.
//!
//! A push is small and says nothing that was written: a label, a place, and a name. What each service makes of it is
//! in `payload`.

mod payload;
mod sns;
mod web;

use tidings_domain::{
    devices::{Created, PushAddress, PushEndpoint, PushService},
    ports::{PortResult, PushProvider},
    push::{Published, Push},
};

pub use crate::{
    sns::{Applications, Sns},
    web::{HttpPost, Origins, PostError, VapidKey, WebPush, WebPushError},
};

/// All push services, each where it belongs.
#[derive(Clone, Debug)]
pub struct PushServices {
    sns: Sns,
    web: Option<WebPush>,
}

impl PushServices {
    /// Apps by SNS, and browsers where there is a key to sign with.
    pub fn new(sns: Sns, web: Option<WebPush>) -> Self {
        Self { sns, web }
    }
}

impl PushProvider for PushServices {
    fn create<'a>(&'a self, address: &'a PushAddress) -> PortResult<'a, Created> {
        match address.service {
            PushService::WebPush => {
                let web = self.web.as_ref();
                let created = web.map_or(Created::NotOffered, |web| web.accept(address));
                Box::pin(async move { Ok(created) })
            }
            _ => Box::pin(self.sns.create(address)),
        }
    }

    fn renew<'a>(&'a self, push: &'a PushEndpoint) -> PortResult<'a, bool> {
        match push.address.service {
            PushService::WebPush => Box::pin(async { Ok(true) }),
            _ => Box::pin(self.sns.renew(push)),
        }
    }

    fn delete<'a>(&'a self, push: &'a PushEndpoint) -> PortResult<'a, ()> {
        match push.address.service {
            // A subscription is the browser's own; it ends there.
            PushService::WebPush => Box::pin(async { Ok(()) }),
            _ => Box::pin(self.sns.delete(push)),
        }
    }

    fn publish<'a>(&'a self, to: &'a PushEndpoint, push: &'a Push) -> PortResult<'a, Published> {
        match (to.address.service, &self.web) {
            (PushService::WebPush, Some(web)) => Box::pin(web.publish(to, push)),
            (PushService::WebPush, None) => Box::pin(async { Ok(Published::Refused) }),
            _ => Box::pin(self.sns.publish(to, push)),
        }
    }
}
