//! What a client says about an earlier message: on a socket, and as the body of an HTTP call.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings_domain::limits;

use crate::{Payload, schema::types};

/// A struct of the fields that are the same everywhere, and of its own. (`serde(flatten)` would lose
/// the names of fields in errors.)
macro_rules! about {
    ($(#[$doc:meta])* $name:ident { $($(#[$attribute:meta])* pub $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "camelCase")]
        pub struct $name {
            /// The conversation.
            #[schemars(with = "types::ConversationId")]
            pub conversation_id: String,
            /// The message that this is about.
            #[schemars(with = "types::MessageId")]
            pub message_id: String,
            /// The place of that message. Without it, the latest 2,048 entries are searched.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(with = "Option<types::Sequence>")]
            pub message_sequence: Option<u64>,
            /// The sender's own name for this event, unique for the device and conversation.
            #[schemars(with = "types::ClientMsgId")]
            pub client_msg_id: String,
            $($(#[$attribute])* pub $field: $type,)*
            /// The sender's clock, in ms since the epoch; for display only.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(with = "Option<types::Timestamp>")]
            pub ts: Option<u64>,
            /// 1 at the first send, 2 at the first resend, and so on.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(range(min = 1))]
            pub attempt: Option<u32>,
            /// The last sequence held at the first attempt; asked for from attempt 2.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(with = "Option<types::SequenceOrZero>")]
            pub base_sequence: Option<u64>,
        }
    };
}

about!(
    /// `message.edit`, and the body of `POST /edits`
    MessageEdit {
        /// The content that takes the place of the earlier one.
        pub payload: Payload,
        /// Users to draw the attention of; `@all` is everyone.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        #[schemars(with = "Vec<types::Mention>", length(max = limits::MENTIONS_MAX))]
        pub mentions: Vec<String>,
        /// What only one device may read, by device, in base64.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        #[schemars(with = "BTreeMap<types::DeviceId, types::Envelope>", extend("maxProperties" = limits::ENVELOPES_MAX))]
        pub envelopes: BTreeMap<String, String>,
        /// The MLS epoch that the content was made in.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(with = "Option<types::Count>")]
        pub epoch: Option<u64>,
    }
);
about!(
    /// `message.delete`, and the body of `POST /deletes`
    MessageDelete {
        /// For whom.
        #[serde(rename = "for")]
        pub audience: DeleteFor,
    }
);
about!(
    /// `message.react`, and the body of `POST /reactions`
    MessageReact {
        /// The reaction; absent, an earlier one is taken back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(with = "Option<types::Choice>")]
        pub reaction: Option<String>,
    }
);
about!(
    /// `message.vote`, and the body of `POST /votes`
    MessageVote {
        /// What is chosen, in place of what was chosen before; none takes the vote back.
        #[schemars(with = "Vec<types::Choice>", length(max = limits::CHOICES_MAX))]
        pub choices: Vec<String>,
    }
);
about!(
    /// `message.pin`, and the body of `POST /pins`
    MessagePin {
        /// Whether it is to be pinned, or no longer.
        pub pinned: bool,
    }
);

/// For whom a message is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DeleteFor {
    /// For everyone: its content is gone from the service.
    #[default]
    Everyone,
    /// For oneself, on all of one's devices.
    Me,
}
