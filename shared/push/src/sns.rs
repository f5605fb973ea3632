//! Platform endpoints of SNS.

use std::sync::Arc;

use aws_sdk_sns::{
    Client,
    operation::{
        create_platform_endpoint::CreatePlatformEndpointError, publish::PublishError,
        set_endpoint_attributes::SetEndpointAttributesError,
    },
    types::MessageAttributeValue,
};
use tidings_domain::{
    devices::{Created, PushAddress, PushEndpoint, PushService},
    ports::Unavailable,
    push::{Published, Push},
};
use tracing::warn;

use crate::payload::{sns_attributes, sns_message};

/// The platform applications of this deployment, by their ARNs; none where one is not set up.
#[derive(Clone, Debug, Default)]
pub struct Applications {
    /// Of Apple's service.
    pub apns: Option<String>,
    /// Of Apple's service for apps under development.
    pub apns_sandbox: Option<String>,
    /// Of Google's.
    pub fcm: Option<String>,
}

impl Applications {
    fn of(&self, service: PushService) -> Option<&str> {
        match service {
            PushService::Apns => self.apns.as_deref(),
            PushService::ApnsSandbox => self.apns_sandbox.as_deref(),
            PushService::Fcm => self.fcm.as_deref(),
            PushService::WebPush => None,
        }
    }
}

/// Endpoints of apps.
#[derive(Clone, Debug)]
pub struct Sns {
    client: Client,
    applications: Applications,
}

fn unavailable(operation: &'static str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Unavailable {
    Unavailable { operation, source: source.into() }
}

impl Sns {
    /// Endpoints of these applications.
    pub fn new(client: Client, applications: Applications) -> Self {
        Self { client, applications }
    }

    pub(crate) async fn create(&self, address: &PushAddress) -> Result<Created, Unavailable> {
        const OPERATION: &str = "make a push endpoint";
        let Some(application) = self.applications.of(address.service) else { return Ok(Created::NotOffered) };
        let create = self.client.create_platform_endpoint().platform_application_arn(application);
        let endpoint: Arc<str> = match create.token(address.token.as_ref()).send().await {
            Ok(answer) => {
                let missing = || unavailable(OPERATION, "no ARN in the answer");
                answer.endpoint_arn.ok_or_else(missing)?.into()
            }
            Err(error) => {
                return match error.as_service_error() {
                    Some(CreatePlatformEndpointError::InvalidParameterException(refused)) => {
                        warn!(reason = refused.message(), "a push token was refused");
                        Ok(Created::BadToken)
                    }
                    _ => Err(unavailable(OPERATION, error)),
                };
            }
        };
        // One that was there already may be disabled.
        let made = PushEndpoint { address: address.clone(), endpoint: endpoint.clone() };
        if self.renew(&made).await? {
            return Ok(Created::At(endpoint));
        }
        Err(unavailable(OPERATION, "the endpoint went away while it was made"))
    }

    pub(crate) async fn renew(&self, push: &PushEndpoint) -> Result<bool, Unavailable> {
        let set = self
            .client
            .set_endpoint_attributes()
            .endpoint_arn(push.endpoint.as_ref())
            .attributes("Token", push.address.token.as_ref())
            .attributes("Enabled", "true")
            .send()
            .await;
        match set {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(
                    SetEndpointAttributesError::NotFoundException(_)
                    | SetEndpointAttributesError::InvalidParameterException(_),
                ) => Ok(false),
                _ => Err(unavailable("renew a push endpoint", error)),
            },
        }
    }

    pub(crate) async fn delete(&self, push: &PushEndpoint) -> Result<(), Unavailable> {
        let deleted = self.client.delete_endpoint().endpoint_arn(push.endpoint.as_ref()).send().await;
        deleted.map(|_| ()).map_err(|error| unavailable("remove a push endpoint", error))
    }

    pub(crate) async fn publish(&self, to: &PushEndpoint, push: &Push) -> Result<Published, Unavailable> {
        const OPERATION: &str = "push by SNS";
        let service = to.address.service;
        let mut publish = self
            .client
            .publish()
            .target_arn(to.endpoint.as_ref())
            .message_structure("json")
            .message(sns_message(service, push));
        for (name, value) in sns_attributes(service, push) {
            let value = MessageAttributeValue::builder().data_type("String").string_value(value).build();
            publish = publish.message_attributes(name, value.map_err(|error| unavailable(OPERATION, error))?);
        }
        match publish.send().await {
            Ok(_) => Ok(Published::Taken),
            Err(error) => match error.as_service_error() {
                Some(PublishError::EndpointDisabledException(_) | PublishError::NotFoundException(_)) => {
                    Ok(Published::Gone)
                }
                Some(
                    PublishError::InvalidParameterException(_)
                    | PublishError::InvalidParameterValueException(_)
                    | PublishError::PlatformApplicationDisabledException(_),
                ) => {
                    warn!(error = tidings_domain::chain(&error), "a push was refused");
                    Ok(Published::Refused)
                }
                _ => Err(unavailable(OPERATION, error)),
            },
        }
    }
}
