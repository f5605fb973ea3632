// Made of docs/asyncapi.yaml and docs/openapi.yaml; do not edit. `npm run generate`

export namespace socket {
  export type paths = Record<string, never>;
  export type webhooks = Record<string, never>;
  export interface components {
      schemas: {
          /** @description A reaction, or a choice of a poll: 1 to 64 bytes, without control characters. */
          Choice: string;
          /** @description The sender's own name for a message, unique for the device and conversation; without control characters. */
          ClientMsgId: string;
          /** @description `u:A|u:B` for two users, the ids in ascending order of their bytes (the same id twice: notes to oneself), or `g:ID` for a group. */
          ConversationId: string;
          Count: number;
          /** @description For whom a message is deleted. */
          DeleteFor: "everyone" | "me";
          /** @description A device of one user, named by the client. Two users may use the same name. */
          DeviceId: string;
          /** @description A device, and whose it is. */
          DeviceRef: {
              /** @description The device. */
              deviceId: components["schemas"]["DeviceId"];
              /** @description The user. */
              userId: components["schemas"]["UserId"];
          };
          /** @description How a frame may be compressed. */
          Encoding: "gzip";
          /** @description What only one device may read: base64, with padding. */
          Envelope: string;
          /** @description Why a frame or a call failed. */
          ErrorCode: "bad_request" | "unknown_type" | "unauthorized" | "forbidden" | "not_found" | "not_a_member" | "too_large" | "rate_limited" | "blocked" | "stale_devices" | "stale_epoch" | "conflict" | "unavailable" | "internal";
          /** @description What an error says for a program. */
          ErrorDetails: {
              /** @description With `stale_epoch`: the MLS epoch of the conversation. */
              epoch?: number;
              /** @description The field at fault, as a path. */
              field?: string;
              /** @description With `rate_limited`: the limit. */
              limit?: string;
              /** @description With `forbidden`, and `rate_limited` by a group: the rule. */
              rule?: string;
              /** @description With `stale_devices`: by user, how their devices are others than those that were encrypted for. */
              users?: {
                  [key: string]: components["schemas"]["StaleDevices"];
              };
          };
          "Frame.client.mailbox.ack": {
              id?: components["schemas"]["FrameId"];
              /** @description What the device has, and needs no more. */
              mailIds: components["schemas"]["MailId"][];
              /** @description A W3C trace context, to continue a trace. */
              traceparent?: string;
              /** @constant */
              type: "mailbox.ack";
          };
          "Frame.client.message.ack": {
              /** @description The conversation. */
              conversationId: components["schemas"]["ConversationId"];
              id?: components["schemas"]["FrameId"];
              /** @description A W3C trace context, to continue a trace. */
              traceparent?: string;
              /** @constant */
              type: "message.ack";
              /** @description The last sequence received, all before it received too. */
              upTo: components["schemas"]["Sequence"];
          };
          "Frame.client.message.commit": {
              /** @description 1 at the first send, 2 at the first resend, and so on. */
              attempt?: number | null;
              /** @description The last sequence held at the first attempt; asked for from attempt 2. */
              baseSequence?: components["schemas"]["SequenceOrZero"] | null;
              /** @description The sender's own name for the commit, unique for the device and conversation. */
              clientMsgId: components["schemas"]["ClientMsgId"];
              /** @description The conversation. */
              conversationId: components["schemas"]["ConversationId"];
              /** @description For whose devices it is made, by the versions of their sets that the sender knows; see `message.send`. */
              devices?: {
                  [key: string]: components["schemas"]["Count"];
              };
              /** @description The epoch that it was made in; the conversation is in the next one then. */
              epoch: components["schemas"]["Count"];
              id?: components["schemas"]["FrameId"];
              /** @description Content in object storage: a Welcome that is too large for a frame. */
              mediaHandle?: components["schemas"]["MediaHandle"] | null;
              /** @description The commit: a framed MLS message, in base64. */
              payload: components["schemas"]["MlsMessage"];
              /** @description A W3C trace context, to continue a trace. */
              traceparent?: string;
              /** @description The sender's clock, in ms since the epoch; for display only. */
              ts: components["schemas"]["Timestamp"];
              /** @constant */
              type: "message.commit";
              /** @description The Welcome for those whom it adds: a framed MLS message, in base64. */
              welcome?: components["schemas"]["MlsMessage"] | null;
              /** @description Whose mailboxes the Welcome is put into. */
              welcomed?: components["schemas"]["DeviceRef"][];
          };
          "Frame.client.message.delete": {
              /** @description 1 at the first send, 2 at the first resend, and so on. */
              attempt?: number | null;
              /** @description The last sequence held at the first attempt; asked for from attempt 2. */
              baseSequence?: components["schemas"]["SequenceOrZero"] | null;
              /** @description The sender's own name for this event, unique for the device and conversation. */
              clientMsgId: components["schemas"]["ClientMsgId"];
              /** @description The conversation. */
              conversationId: components["schemas"]["ConversationId"];
              /** @description For whom. */
              for: components["schemas"]["DeleteFor"];
              id?: components["schemas"]["FrameId"];
              /** @description The message that this is about. */
              messageId: components["schemas"]["MessageId"];
              /** @description The place of that message. Without it, the latest 2,048 entries are searched. */
              messageSequence?: components["schemas"]["Sequence"] | null;
              /** @description A W3C trace context, to continue a trace. */
              traceparent?: string;
              /** @description The sender's clock, in ms since the epoch; for display only. */
              ts?: components["schemas"]["Timestamp"] | null;
              /** @constant */
              type: "message.delete";
          };
          "Frame.client.message.edit": {
              /** @description 1 at the first send, 2 at the first resend, and so on. */
              attempt?: number | null;
              /** @description The last sequence held at the first attempt; asked for from attempt 2. */
              baseSequence?: components["schemas"]["SequenceOrZero"] | null;
              /** @description The sender's own name for this event, unique for the device and conversation. */
              clientMsgId: components["schemas"]["ClientMsgId"];
              /** @description The conversation. */
              conversationId: components["schemas"]["ConversationId"];
              /** @description What only one device may read, by device, in base64. */
              envelopes?: {
                  [key: string]: components["schemas"]["Envelope"];
              };
              /** @description The MLS epoch that the content was made in. */
              epoch?: components["schemas"]["Count"] | null;
              id?: components["schemas"]["FrameId"];
              /** @description Users to draw the attention of; `@all` is everyone. */
              mentions?: components["schemas"]["Mention"][];
              /** @description The message that this is about. */
              messageId: components["schemas"]["MessageId"];
              /** @description The place of that message. Without it, the latest 2,048 entries are searched. */
              messageSequence?: components["schemas"]["Sequence"] | null;
              /** @description The content that takes the place of the earlier one. */
              payload: unknown;
              /** @description A W3C trace context, to continue a trace. */
              traceparent?: string;
              /** @description The sender's clock, in ms since the epoch; for display only. */
              ts?: components["schemas"]["Timestamp"] | null;
              /** @constant */
              type: "message.edit";
          };
          "Frame.client.message.pin": {
              /** @description 1 at the first send, 2 at the first resend, and so on. */
              attempt?: number | null;
              /** @description The last sequence held at the first attempt; asked for from attempt 2. */
              baseSequence?: components["schemas"]["SequenceOrZero"] | null;
              /** @description The sender's own name for this event, unique for the device and conversation. */
              clientMsgId: components["schemas"]["ClientMsgId"];
              /** @description The conversation. */
              conversationId: components["schemas"]["ConversationId"];
              id?: components["schemas"]["FrameId"];
              /** @description The message that this is about. */
              messageId: components["schemas"]["MessageId"];
              /** @description The place of that message. Without it, the latest 2,048 entries are searched. */
              messageSequence?: components["schemas"]["Sequence"] | null;
              /** @description Whether it is to be pinned, or no longer. */
              pinned: boolean;
              /** @description A W3C trace context, to continue a trace. */
              traceparent?: string;
              /** @description The sender's clock, in ms since the epoch; for display only. */
              ts?: components["schemas"]["Timestamp"] | null;
              /** @constant */
              type: "message.pin";
          };
          "Frame.client.message.react": {
              /** @description 1 at the first send, 2 at the first resend, and so on. */
              attempt?: number | null;
              /** @description The last sequence held at the first attempt; asked for from attempt 2. */
              baseSequence?: components["schemas"]["SequenceOrZero"] | null;
              /** @description The sender's own name for this event, unique for the device and conversation. */
              clientMsgId: components["schemas"]["ClientMsgId"];
              /** @description The conversation. */
              conversationId: components["schemas"]["ConversationId"];
              id?: components["schemas"]["FrameId"];
              /** @description The message that this is about. */
              messageId: components["schemas"]["MessageId"];
              /** @description The place of that message. Without it, the latest 2,048 entries are searched. */
              messageSequence?: components["schemas"]["Sequence"] | null;
              /** @description The reaction; absent, an earlier one is taken back. */
              reaction?: components["schemas"]["Choice"] | null;
              /** @description A W3C trace context, to continue a trace. */
              traceparent?: string;
              /** @description The sender's clock, in ms since the epoch; for display only. */
              ts?: components["schemas"]["Timestamp"] | null;
              /** @constant */
              type: "message.react";
          };
          "Frame.client.message.read": {
              /** @description The conversation. */
              conversationId: components["schemas"]["ConversationId"];
              id?: components["schemas"]["FrameId"];
              /** @description The last message read, in place of `upTo`. */
              messageId?: components["schemas"]["MessageId"] | null;
              /** @description A W3C trace context, to continue a trace. */
              traceparent?: string;
              /** @constant */
              type: "message.read";
              /** @description The last sequence read. */
              upTo?: components["schemas"]["Sequence"] | null;
          };
          "Frame.client.message.send": {
              /** @description 1 at the first send, 2 at the first resend, and so on. */
              attempt?: number | null;
              /** @description The last sequence held at the first attempt; asked for from attempt 2. */
              baseSequence?: components["schemas"]["SequenceOrZero"] | null;
              /** @description The sender's own name for the message, unique for the device and conversation. */
              clientMsgId: components["schemas"]["ClientMsgId"];
              /** @description The conversation. */
              conversationId: components["schemas"]["ConversationId"];
              /**
               * @description For whose devices it was encrypted, by the versions of their sets that the sender knows. Where one is another by
               *     now, the whole is refused with `stale_devices`.
               */
              devices?: {
                  [key: string]: components["schemas"]["Count"];
              };
              /** @description What only one device may read, by device, in base64. */
              envelopes?: {
                  [key: string]: components["schemas"]["Envelope"];
              };
              /** @description The MLS epoch that the content was made in. */
              epoch?: components["schemas"]["Count"] | null;
              /** @description How often the content has been passed on: one more than the message that it is taken from. */
              forwards?: components["schemas"]["Count"] | null;
              id?: components["schemas"]["FrameId"];
              /** @description The message answered. */
              inReplyTo?: components["schemas"]["MessageId"] | null;
              /** @description What sort of content; `text` where absent. */
              kind?: components["schemas"]["Kind"] | null;
              /** @description Content in object storage. */
              mediaHandle?: components["schemas"]["MediaHandle"] | null;
              /** @description Users to draw the attention of; `@all` is everyone, for the admins of a group. */
              mentions?: components["schemas"]["Mention"][];
              /** @description The content: any JSON value, of at most 24 KiB of JSON text; opaque to the service. */
              payload: unknown;
              /** @description The first message of the thread. */
              threadRoot?: components["schemas"]["MessageId"] | null;
              /** @description A W3C trace context, to continue a trace. */
              traceparent?: string;
              /** @description The sender's clock, in ms since the epoch; for display only. */
              ts: components["schemas"]["Timestamp"];
              /** @description Life in seconds. */
              ttlSeconds?: components["schemas"]["TtlSeconds"] | null;
              /** @constant */
              type: "message.send";
              /** @description Each reader opens it once; the content is not shown otherwise. */
              viewOnce?: boolean;
          };
          "Frame.client.message.vote": {
              /** @description 1 at the first send, 2 at the first resend, and so on. */
              attempt?: number | null;
              /** @description The last sequence held at the first attempt; asked for from attempt 2. */
              baseSequence?: components["schemas"]["SequenceOrZero"] | null;
              /** @description What is chosen, in place of what was chosen before; none takes the vote back. */
              choices: components["schemas"]["Choice"][];
              /** @description The sender's own name for this event, unique for the device and conversation. */
              clientMsgId: components["schemas"]["ClientMsgId"];
              /** @description The conversation. */
              conversationId: components["schemas"]["ConversationId"];
              id?: components["schemas"]["FrameId"];
              /** @description The message that this is about. */
              messageId: components["schemas"]["MessageId"];
              /** @description The place of that message. Without it, the latest 2,048 entries are searched. */
              messageSequence?: components["schemas"]["Sequence"] | null;
              /** @description A W3C trace context, to continue a trace. */
              traceparent?: string;
              /** @description The sender's clock, in ms since the epoch; for display only. */
              ts?: components["schemas"]["Timestamp"] | null;
              /** @constant */
              type: "message.vote";
          };
          "Frame.client.presence.heartbeat": {
              /** @description Whether the user is at the device. */
              active: boolean;
              id?: components["schemas"]["FrameId"];
              /** @description A W3C trace context, to continue a trace. */
              traceparent?: string;
              /** @constant */
              type: "presence.heartbeat";
          };
          "Frame.client.presence.subscribe": {
              /** @description A group in which they are with the asker; absent: those with whom the asker has a conversation of two. */
              conversationId?: components["schemas"]["ConversationId"] | null;
              id?: components["schemas"]["FrameId"];
              /** @description A W3C trace context, to continue a trace. */
              traceparent?: string;
              /** @constant */
              type: "presence.subscribe";
              /** @description At most 200 users. */
              userIds: components["schemas"]["UserId"][];
          };
          "Frame.client.presence.unsubscribe": {
              /** @description A group in which they are with the asker; absent: those with whom the asker has a conversation of two. */
              conversationId?: components["schemas"]["ConversationId"] | null;
              id?: components["schemas"]["FrameId"];
              /** @description A W3C trace context, to continue a trace. */
              traceparent?: string;
              /** @constant */
              type: "presence.unsubscribe";
              /** @description At most 200 users. */
              userIds: components["schemas"]["UserId"][];
          };
          "Frame.client.session.hello": {
              /** @description The last sequence held, by conversation. */
              cursors?: {
                  [key: string]: components["schemas"]["SequenceOrZero"];
              };
              id?: components["schemas"]["FrameId"];
              /** @description From the last `session.ready` of this device. */
              resumeToken?: string | null;
              /** @description A W3C trace context, to continue a trace. */
              traceparent?: string;
              /** @constant */
              type: "session.hello";
          };
          "Frame.client.sync.pull": {
              /** @description The conversation. */
              conversationId: components["schemas"]["ConversationId"];
              /** @description The answer may be `packed`. */
              encoding?: components["schemas"]["Encoding"] | null;
              id?: components["schemas"]["FrameId"];
              /** @description So many at most; 100 is the most and where absent. */
              limit?: number | null;
              /** @description Entries after this sequence. */
              since: components["schemas"]["SequenceOrZero"];
              /** @description A W3C trace context, to continue a trace. */
              traceparent?: string;
              /** @constant */
              type: "sync.pull";
          };
          "Frame.client.typing": {
              /** @description Typing, or not any more. It counts for six seconds: who goes on says so again. */
              active: boolean;
              /** @description The conversation. */
              conversationId: components["schemas"]["ConversationId"];
              id?: components["schemas"]["FrameId"];
              /** @description A W3C trace context, to continue a trace. */
              traceparent?: string;
              /** @constant */
              type: "typing";
          };
          "Frame.server.conversation.settings": {
              /** @description Whether it is put away. */
              archived: boolean;
              /** @description The conversation. */
              conversationId: components["schemas"]["ConversationId"];
              /** @description Until when it is muted, in ms since the epoch. */
              mutedUntil?: components["schemas"]["Timestamp"];
              /** @description Whether it is pinned. */
              pinned: boolean;
              /** @description Whether the user agrees that text is indexed for search. */
              searchable?: boolean;
              /** @description Whether the text of what follows is: all members agree. */
              textIndexed?: boolean;
              /** @description Life of messages that name none, in seconds. */
              ttlSeconds?: components["schemas"]["TtlSeconds"];
              /** @constant */
              type: "conversation.settings";
          };
          "Frame.server.conversation.updated": {
              /** @description The conversation. */
              conversationId: components["schemas"]["ConversationId"];
              /** @description Its last sequence. */
              lastSequence: components["schemas"]["SequenceOrZero"];
              /** @constant */
              type: "conversation.updated";
          };
          "Frame.server.device.changed": {
              /**
               * @description `added`, `removed` or `keys`.
               * @enum {string}
               */
              change: "added" | "removed" | "keys";
              /** @description The device. */
              deviceId: components["schemas"]["DeviceId"];
              /** @constant */
              type: "device.changed";
              /** @description The user. */
              userId: components["schemas"]["UserId"];
          };
          "Frame.server.draft.updated": {
              /** @description The conversation. */
              conversationId: components["schemas"]["ConversationId"];
              /** @description The content: any JSON value, as it was written; `null` where the draft was deleted. */
              payload: unknown;
              /** @description The device's clock at the change, in ms since the epoch; the later one stands. */
              ts: components["schemas"]["Timestamp"];
              /** @constant */
              type: "draft.updated";
          };
          "Frame.server.error": {
              /** @description The message that failed. */
              clientMsgId?: string;
              /** @description Why. */
              code: components["schemas"]["ErrorCode"];
              /** @description More, for a program: `field` names the field at fault. */
              details?: components["schemas"]["ErrorDetails"];
              /** @description The same for a person, naming the field where there is one. */
              message: string;
              replyTo?: components["schemas"]["FrameId"];
              /** @description When to come back, in milliseconds. */
              retryAfterMs?: components["schemas"]["Count"];
              /** @constant */
              type: "error";
          };
          "Frame.server.flow_control": {
              /** @description Send nothing for so long, in milliseconds. */
              retryAfterMs: components["schemas"]["Count"];
              /** @constant */
              type: "flow_control";
              /** @description Frames that may be unanswered at once. */
              window: number;
          };
          "Frame.server.keys.low": {
              /** @description Key packages that nobody has taken. */
              count: components["schemas"]["Count"];
              /** @constant */
              type: "keys.low";
          };
          "Frame.server.mailbox.new": {
              /** @description The conversation that it belongs to. */
              conversationId?: components["schemas"]["ConversationId"];
              /** @description From which device. */
              fromDeviceId: components["schemas"]["DeviceId"];
              /** @description Who sent it. */
              fromUserId: components["schemas"]["UserId"];
              /** @description What it is for. */
              kind: components["schemas"]["KindName"];
              /** @description Its name, by which it is acknowledged. Ids sort by time. */
              mailId: components["schemas"]["MailId"];
              /** @description The content: any JSON value; of a Welcome base64. */
              payload: unknown;
              /** @description Of a Welcome: the place of its commit. */
              sequence?: components["schemas"]["Sequence"];
              /** @description When it was put here, in ms since the epoch. */
              ts: components["schemas"]["Timestamp"];
              /** @constant */
              type: "mailbox.new";
          };
          "Frame.server.message.delivered": {
              /** @description The conversation. */
              conversationId: components["schemas"]["ConversationId"];
              /** @description The entry at `upTo`. */
              messageId: components["schemas"]["MessageId"];
              /** @description The server's clock, in ms since the epoch. */
              ts: components["schemas"]["Timestamp"];
              /** @constant */
              type: "message.delivered";
              /** @description Everything up to this sequence. */
              upTo: components["schemas"]["Sequence"];
              /** @description The member whose watermark rose. */
              userId: components["schemas"]["UserId"];
          };
          "Frame.server.message.hidden": {
              /** @description The conversation. */
              conversationId: components["schemas"]["ConversationId"];
              /** @description The entry. */
              messageId: components["schemas"]["MessageId"];
              /** @constant */
              type: "message.hidden";
          };
          "Frame.server.message.new": {
              /** @description Of a vote: what is chosen. */
              choices?: components["schemas"]["Choice"][];
              /** @description The sender's name for it. */
              clientMsgId: components["schemas"]["ClientMsgId"];
              /** @description The sender's clock, in ms since the epoch. */
              clientTs?: components["schemas"]["Timestamp"];
              /** @description The conversation. */
              conversationId: components["schemas"]["ConversationId"];
              /** @description It was deleted for everyone: the content is gone. */
              deleted?: boolean;
              /** @description What only this device may read, in base64. */
              envelope?: components["schemas"]["Envelope"];
              /** @description The MLS epoch of the conversation at this entry, where it is encrypted. */
              epoch?: components["schemas"]["Count"];
              /** @description What sort of event. */
              event: components["schemas"]["MessageEvent"];
              /** @description It has expired: the content is gone. */
              expired?: boolean;
              /** @description How often it has been passed on. */
              forwards?: components["schemas"]["Count"];
              /** @description The message answered. */
              inReplyTo?: components["schemas"]["MessageId"];
              /** @description What sort of content. */
              kind: components["schemas"]["Kind"];
              /** @description Content in object storage. */
              mediaHandle?: components["schemas"]["MediaHandle"];
              /** @description Users to draw the attention of; `@all` is everyone. */
              mentions?: components["schemas"]["Mention"][];
              /** @description The service's name for the entry. */
              messageId: components["schemas"]["MessageId"];
              /** @description The content: any JSON value, as it was sent; `null` where it has expired. */
              payload: unknown;
              /** @description Of a reaction: what it is; absent where it is taken back. */
              reaction?: components["schemas"]["Choice"];
              /** @description From which device. */
              senderDeviceId: components["schemas"]["DeviceId"];
              /** @description Who sent it. */
              senderUserId: components["schemas"]["UserId"];
              /** @description Its place in the conversation. */
              sequence: components["schemas"]["Sequence"];
              /** @description The message that an edit, a delete, a reaction, a vote or a pin is about. */
              targetMessageId?: components["schemas"]["MessageId"];
              /** @description Its place. */
              targetSequence?: components["schemas"]["Sequence"];
              /** @description Its author. */
              targetUserId?: components["schemas"]["UserId"];
              /** @description The first message of the thread. */
              threadRoot?: components["schemas"]["MessageId"];
              /** @description The server's clock at the append, in ms since the epoch. */
              ts: components["schemas"]["Timestamp"];
              /** @description Life in seconds. */
              ttlSeconds?: components["schemas"]["TtlSeconds"];
              /** @constant */
              type: "message.new";
              /** @description Everyone has opened it: the content is gone. */
              viewed?: boolean;
              /** @description Each reader opens it once; the content is not shown otherwise. */
              viewOnce?: boolean;
          };
          "Frame.server.message.read": {
              /** @description The conversation. */
              conversationId: components["schemas"]["ConversationId"];
              /** @description The entry at `upTo`. */
              messageId: components["schemas"]["MessageId"];
              /** @description The server's clock, in ms since the epoch. */
              ts: components["schemas"]["Timestamp"];
              /** @constant */
              type: "message.read";
              /** @description Everything up to this sequence. */
              upTo: components["schemas"]["Sequence"];
              /** @description The member whose watermark rose. */
              userId: components["schemas"]["UserId"];
          };
          "Frame.server.message.sent": {
              /** @description The sender's name for the message. */
              clientMsgId: components["schemas"]["ClientMsgId"];
              /** @description The conversation. */
              conversationId: components["schemas"]["ConversationId"];
              /** @description It had been accepted before. */
              duplicate: boolean;
              /** @description The service's name for it. */
              messageId: components["schemas"]["MessageId"];
              replyTo?: components["schemas"]["FrameId"];
              /** @description Its place in the conversation. */
              sequence: components["schemas"]["Sequence"];
              /** @description The server's clock at the append, in ms since the epoch. */
              ts: components["schemas"]["Timestamp"];
              /** @constant */
              type: "message.sent";
          };
          "Frame.server.packed": {
              /** @description How. */
              encoding: components["schemas"]["Encoding"];
              /** @description The text of the frame, compressed, in base64; of at most 128 KiB. */
              frame: string;
              /** @constant */
              type: "packed";
          };
          "Frame.server.presence.ok": {
              replyTo?: components["schemas"]["FrameId"];
              /** @description The server's clock, in ms since the epoch. */
              serverTs: components["schemas"]["Timestamp"];
              /** @constant */
              type: "presence.ok";
          };
          "Frame.server.presence.update": {
              replyTo?: components["schemas"]["FrameId"];
              /** @constant */
              type: "presence.update";
              /** @description The users. */
              users: components["schemas"]["UserPresence"][];
          };
          "Frame.server.session.ready": {
              /** @description The device. */
              deviceId: components["schemas"]["DeviceId"];
              /** @description How answers may be compressed, if they are asked for so. */
              encodings?: components["schemas"]["Encoding"][];
              /** @description Send `presence.heartbeat` this often. */
              heartbeatSeconds: components["schemas"]["Count"];
              /** @description No larger frames. */
              maxFrameBytes: components["schemas"]["Count"];
              /** @description Come back, with jitter, before this moment; ms since the epoch. */
              reconnectBefore: components["schemas"]["Timestamp"];
              /** @description For the next `session.hello` of this device. */
              resumeToken: string;
              /** @description Frames that may be unanswered at once. */
              sendWindow: number;
              /** @description The server's clock, in ms since the epoch. */
              serverTs: components["schemas"]["Timestamp"];
              /** @constant */
              type: "session.ready";
              /** @description The user, as the credential says. */
              userId: components["schemas"]["UserId"];
          };
          "Frame.server.sync.complete": {
              /** @description Conversations that were brought up to date. */
              conversations: components["schemas"]["Count"];
              replyTo?: components["schemas"]["FrameId"];
              /**
               * @description For the next `session.hello`, in place of the one in `session.ready`: it spares looking
               *     again at what this sync has said.
               */
              resumeToken?: string;
              /** @constant */
              type: "sync.complete";
          };
          "Frame.server.sync.page": {
              /** @description The conversation. */
              conversationId: components["schemas"]["ConversationId"];
              /** @description Whether there is more now. */
              hasMore: boolean;
              /** @description The entries, in order. */
              messages: components["schemas"]["MessageNew"][];
              /** @description `since` of the next pull. */
              next: components["schemas"]["SequenceOrZero"];
              replyTo?: components["schemas"]["FrameId"];
              /** @constant */
              type: "sync.page";
          };
          "Frame.server.typing": {
              /** @description Whether they type. */
              active: boolean;
              /** @description The conversation. */
              conversationId: components["schemas"]["ConversationId"];
              /** @constant */
              type: "typing";
              /** @description The member. */
              userId: components["schemas"]["UserId"];
          };
          /** @description Chosen by the client for one frame; its answer carries the same as `replyTo`. */
          FrameId: string;
          /** @description What sort of content a message has. */
          Kind: "text" | "image" | "audio" | "video" | "doc" | "poll" | "system" | components["schemas"]["KindName"];
          /** @description A sort of content that the service does not know and passes on. */
          KindName: string;
          /** @description The name of a piece of mail. Ids sort by time. */
          MailId: string;
          /** @description Content in object storage. Equal content in one conversation has equal handles. */
          MediaHandle: string;
          /** @description A user, or `@all` for everyone. */
          Mention: string;
          /** @description What sort of event an entry is. */
          MessageEvent: "message" | "edit" | "delete" | "reaction" | "vote" | "pin" | "unpin" | "membership" | "commit";
          /** @description The service's name for an entry. Equal sends have equal ids. */
          MessageId: string;
          /** @description `message.new`, and an entry of a page */
          MessageNew: {
              /** @description Of a vote: what is chosen. */
              choices?: components["schemas"]["Choice"][];
              /** @description The sender's name for it. */
              clientMsgId: components["schemas"]["ClientMsgId"];
              /** @description The sender's clock, in ms since the epoch. */
              clientTs?: components["schemas"]["Timestamp"];
              /** @description The conversation. */
              conversationId: components["schemas"]["ConversationId"];
              /** @description It was deleted for everyone: the content is gone. */
              deleted?: boolean;
              /** @description What only this device may read, in base64. */
              envelope?: components["schemas"]["Envelope"];
              /** @description The MLS epoch of the conversation at this entry, where it is encrypted. */
              epoch?: components["schemas"]["Count"];
              /** @description What sort of event. */
              event: components["schemas"]["MessageEvent"];
              /** @description It has expired: the content is gone. */
              expired?: boolean;
              /** @description How often it has been passed on. */
              forwards?: components["schemas"]["Count"];
              /** @description The message answered. */
              inReplyTo?: components["schemas"]["MessageId"];
              /** @description What sort of content. */
              kind: components["schemas"]["Kind"];
              /** @description Content in object storage. */
              mediaHandle?: components["schemas"]["MediaHandle"];
              /** @description Users to draw the attention of; `@all` is everyone. */
              mentions?: components["schemas"]["Mention"][];
              /** @description The service's name for the entry. */
              messageId: components["schemas"]["MessageId"];
              /** @description The content: any JSON value, as it was sent; `null` where it has expired. */
              payload: unknown;
              /** @description Of a reaction: what it is; absent where it is taken back. */
              reaction?: components["schemas"]["Choice"];
              /** @description From which device. */
              senderDeviceId: components["schemas"]["DeviceId"];
              /** @description Who sent it. */
              senderUserId: components["schemas"]["UserId"];
              /** @description Its place in the conversation. */
              sequence: components["schemas"]["Sequence"];
              /** @description The message that an edit, a delete, a reaction, a vote or a pin is about. */
              targetMessageId?: components["schemas"]["MessageId"];
              /** @description Its place. */
              targetSequence?: components["schemas"]["Sequence"];
              /** @description Its author. */
              targetUserId?: components["schemas"]["UserId"];
              /** @description The first message of the thread. */
              threadRoot?: components["schemas"]["MessageId"];
              /** @description The server's clock at the append, in ms since the epoch. */
              ts: components["schemas"]["Timestamp"];
              /** @description Life in seconds. */
              ttlSeconds?: components["schemas"]["TtlSeconds"];
              /** @description Everyone has opened it: the content is gone. */
              viewed?: boolean;
              /** @description Each reader opens it once; the content is not shown otherwise. */
              viewOnce?: boolean;
          };
          /** @description A framed MLS message (RFC 9420, section 6): base64, with padding. */
          MlsMessage: string;
          /** @description A state of presence. */
          PresenceState: "online" | "recently" | "offline";
          /** @description The place of an entry in its conversation. The first entry has 1; there are no gaps and no repeats. */
          Sequence: number;
          /** @description The place of an entry in its conversation, or 0: before the first. */
          SequenceOrZero: number;
          /** @description How a user's devices are others. */
          StaleDevices: {
              /** @description Encrypted for, and not there. */
              extra: components["schemas"]["DeviceId"][];
              /** @description There, and not encrypted for. */
              missing: components["schemas"]["DeviceId"][];
              /** @description There with another key. */
              stale: components["schemas"]["DeviceId"][];
              /** @description The version of the user's set of devices. */
              version: number;
          };
          /** @description A moment, in milliseconds since the Unix epoch. */
          Timestamp: number;
          /** @description The life of the message, in seconds: a year at most. */
          TtlSeconds: number;
          /** @description A user: the `sub` of the access token. */
          UserId: string;
          /** @description How one user is. */
          UserPresence: {
              /** @description When they were last there, in ms since the epoch; absent while online. */
              lastSeen?: components["schemas"]["Timestamp"];
              /** @description The state. */
              state: components["schemas"]["PresenceState"];
              /** @description The user. */
              userId: components["schemas"]["UserId"];
          };
      };
      responses: never;
      parameters: never;
      requestBodies: never;
      headers: never;
      pathItems: never;
  }
  export type $defs = Record<string, never>;
  export type operations = Record<string, never>;
}

export namespace http {
  export interface paths {
      "/acks": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          get?: never;
          put?: never;
          /**
           * Received up to here, as `message.ack`
           * @description Marks only rise; one that is as high already is no error.
           */
          post: operations["acknowledge"];
          delete?: never;
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/admin/audit": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          /**
           * What administrators did on a day, the latest first
           * @description For administrators: users whom the deployment names, and keys that they have made (`key` of `PUT /admin/keys/{name}` as the bearer token); others are `forbidden`. That it was called is written to the audit log first.
           */
          get: operations["readAudit"];
          put?: never;
          post?: never;
          delete?: never;
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/admin/bans/{userId}": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          get?: never;
          /**
           * Ban a user
           * @description Every token of theirs is refused from then on, and every socket closed, before the answer. May be said again.
           */
          put: operations["banUser"];
          post?: never;
          /**
           * End a ban
           * @description For administrators: users whom the deployment names, and keys that they have made (`key` of `PUT /admin/keys/{name}` as the bearer token); others are `forbidden`. That it was called is written to the audit log first.
           */
          delete: operations["unbanUser"];
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/admin/keys": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          /**
           * The keys that are good
           * @description For administrators: users whom the deployment names, and keys that they have made (`key` of `PUT /admin/keys/{name}` as the bearer token); others are `forbidden`. That it was called is written to the audit log first.
           */
          get: operations["listAdminKeys"];
          put?: never;
          post?: never;
          delete?: never;
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/admin/keys/{name}": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          get?: never;
          /**
           * Make a key for a machine that administrates
           * @description In place of one of that name. The service keeps a hash of it: it is shown this once. A key makes no keys.
           */
          put: operations["makeAdminKey"];
          post?: never;
          /**
           * Forget a key: it is refused from then on
           * @description For administrators: users whom the deployment names, and keys that they have made (`key` of `PUT /admin/keys/{name}` as the bearer token); others are `forbidden`. That it was called is written to the audit log first.
           */
          delete: operations["dropAdminKey"];
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/admin/reports": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          /**
           * What was reported on a day, the latest first
           * @description For administrators: users whom the deployment names, and keys that they have made (`key` of `PUT /admin/keys/{name}` as the bearer token); others are `forbidden`. That it was called is written to the audit log first.
           */
          get: operations["listReports"];
          put?: never;
          post?: never;
          delete?: never;
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/admin/reports/{reportId}": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          get?: never;
          put?: never;
          /**
           * Say what became of a report
           * @description For administrators: users whom the deployment names, and keys that they have made (`key` of `PUT /admin/keys/{name}` as the bearer token); others are `forbidden`. That it was called is written to the audit log first.
           */
          post: operations["resolveReport"];
          delete?: never;
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/admin/users/{userId}": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          /**
           * What is known of a user
           * @description For administrators: users whom the deployment names, and keys that they have made (`key` of `PUT /admin/keys/{name}` as the bearer token); others are `forbidden`. That it was called is written to the audit log first.
           */
          get: operations["lookUpUser"];
          put?: never;
          post?: never;
          delete?: never;
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/blocks": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          /** Whom I have blocked, by name, a page at a time */
          get: operations["listBlocks"];
          put?: never;
          post?: never;
          delete?: never;
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/blocks/{userId}": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          get?: never;
          /**
           * Block a user
           * @description The other is not told: what they send to the user is answered as ever, and goes to nobody, now or later; what the user sends to them is refused with `blocked`. Neither sees whether the other is there, has read or types; the other adds the user to no group, and nothing that they send is pushed. A user may block 1,000: one more is `too_large`.
           */
          put: operations["blockUser"];
          post?: never;
          /**
           * End a block
           * @description Where there is none, all is well.
           */
          delete: operations["unblockUser"];
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/commits": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          get?: never;
          put?: never;
          /**
           * Send an MLS commit
           * @description The same as the frame `message.commit`. The first makes the conversation encrypted, for good; in a group it is for admins.
           */
          post: operations["sendCommit"];
          delete?: never;
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/conversations/{id}/messages": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          /**
           * A page of the log
           * @description With `since`, or neither: entries after it, in order; `before` then ends the page early. With `before` alone: the nearest entries before it, in order, and `next` is the `before` of the page before.
           */
          get: operations["listMessages"];
          put?: never;
          post?: never;
          delete?: never;
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/conversations/{id}/messages/{messageId}": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          /**
           * A message, as it is in the log
           * @description Edits have their own entries; a deleted message has no content.
           */
          get: operations["getMessage"];
          put?: never;
          post?: never;
          delete?: never;
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/conversations/{id}/messages/{messageId}/edits": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          /**
           * The edits of a message
           * @description The entries of the edits, oldest first: the history of the message.
           */
          get: operations["listEdits"];
          put?: never;
          post?: never;
          delete?: never;
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/conversations/{id}/messages/{messageId}/open": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          get?: never;
          put?: never;
          /**
           * Open a message that is opened once
           * @description Its content, once for each reader; the same device may ask again within a minute. `conflict`: it was opened before. The content goes when all readers have opened it, and after 14 days.
           */
          post: operations["openMessage"];
          delete?: never;
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/conversations/{id}/messages/{messageId}/reactions": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          /**
           * Reactions: how many, and whose
           * @description Counted within about a second of the reaction.
           */
          get: operations["listReactions"];
          put?: never;
          post?: never;
          delete?: never;
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/conversations/{id}/messages/{messageId}/votes": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          /**
           * Votes of a poll: how many, and whose
           * @description Counted within about a second of the vote.
           */
          get: operations["listVotes"];
          put?: never;
          post?: never;
          delete?: never;
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/conversations/{id}/pins": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          /**
           * The pinned messages
           * @description The last pinned first, at most 100.
           */
          get: operations["listPins"];
          put?: never;
          post?: never;
          delete?: never;
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/conversations/{id}/receipts": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          /**
           * How far a message has got with each member
           * @description Computed from the members' marks, a page of members by user id at a time. `counts` are of the page; with no `cursor` and `hasMore` false they are of all. A message too far back among the latest is `not_found`.
           */
          get: operations["getReceipts"];
          put?: never;
          post?: never;
          delete?: never;
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/conversations/{id}/settings": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          get?: never;
          /**
           * Mute, pin or archive a conversation; set the life of its messages, and whether search may index its text
           * @description What is absent stays; null takes a value away. All but `ttlSeconds` is the caller's alone, and told to the caller's devices by `conversation.settings`. `ttlSeconds` is everybody's in the conversation: in a group only admins set it (`only_admins_configure`). With `searchable` the caller agrees that the text of what follows is indexed for search. It is while all members agree; who joins has not, and `false` takes away what was indexed.
           */
          put: operations["setConversationSettings"];
          post?: never;
          delete?: never;
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/conversations/{id}/threads": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          /**
           * Threads, by their last reply
           * @description A message and what names it as its `threadRoot`, with how much of it the caller has not read.
           */
          get: operations["listThreads"];
          put?: never;
          post?: never;
          delete?: never;
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/conversations/{id}/threads/{messageId}": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          /**
           * The replies of a thread
           * @description Oldest first.
           */
          get: operations["listReplies"];
          put?: never;
          post?: never;
          delete?: never;
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/conversations/{id}/threads/{messageId}/mark": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          get?: never;
          /**
           * Read a thread up to here
           * @description The mark only rises.
           */
          put: operations["markThread"];
          post?: never;
          delete?: never;
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/deletes": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          get?: never;
          put?: never;
          /**
           * Take a message back, as `message.delete`
           * @description A `forbidden` names the rule in `details.rule`.
           */
          post: operations["deleteMessage"];
          delete?: never;
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/devices": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          /**
           * My devices
           * @description Every device that has been here and was not revoked, the latest seen first.
           */
          get: operations["listDevices"];
          put?: never;
          post?: never;
          delete?: never;
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/devices/{id}": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          get?: never;
          /**
           * Say what a device is called, and where to push to
           * @description In place of what it has said before; without `push` it is not pushed to any more. To be said at every start: a token changes when its service wants. A token has one holder: who registers it takes it from the last. A service that this deployment has no application of is a `bad_request` that names `push.service`; a revoked device is `forbidden`.
           */
          put: operations["registerDevice"];
          post?: never;
          /**
           * Revoke a device of mine
           * @description Its socket is closed at once, its pushes end, and it may not connect or call any more: 403. There is no way back; the device may come again under another id. May be said again.
           */
          delete: operations["revokeDevice"];
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/devices/{id}/keys": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          /**
           * What keys of this device are left here
           * @description A device looks at its start, and is told by `keys.low` when few are left.
           */
          get: operations["getKeyStock"];
          /**
           * Put the keys of this device here
           * @description Adds to what is there. May be repeated: a package that was taken does not come back. Packages are of the suite X25519, AES-128-GCM, SHA-256, Ed25519, with the basic credential `USER/DEVICE`, signed with `identityKey`, and expire within 90 days. Another `identityKey` begins anew, and those who share a conversation are told. 200 packages are kept for a device, of 32 devices of a user.
           */
          put: operations["uploadKeys"];
          post?: never;
          delete?: never;
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/drafts": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          /**
           * Drafts, by conversation, a page at a time
           * @description Those that are there; what was deleted is told by `GET /personal`.
           */
          get: operations["listDrafts"];
          put?: never;
          post?: never;
          delete?: never;
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/drafts/{conversationId}": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          get?: never;
          /**
           * Keep a draft, or delete it
           * @description A `payload` of null deletes. Of two changes the one with the later `ts` stands, in whatever order they come; a `ts` ahead of the service's clock counts as now. Answers what stands. The caller's other devices are told by `draft.updated`. A user may have 1,000 drafts: one more is `too_large`.
           */
          put: operations["saveDraft"];
          post?: never;
          delete?: never;
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/edits": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          get?: never;
          put?: never;
          /**
           * Change a message, as `message.edit`
           * @description A `forbidden` names the rule in `details.rule`.
           */
          post: operations["editMessage"];
          delete?: never;
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/events": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          /**
           * What a socket would have received
           * @description For a device that can have no socket. Without `cursor` it begins a session, in place of the device's earlier one, and is answered at once as `session.hello` is; with `cursor`, it waits until there is something, for `timeout` at most. The device asks again at once: not for a minute, and its session is over; what it missed is then told as after a hello. An answer that got lost is given again to the same cursor. `conflict`: the device has another session by now. With `Accept: text/event-stream` each frame is an event of a stream, which ends where an answer would; the id of the last is the cursor, so that an `EventSource` goes on by itself.
           */
          get: operations["listEvents"];
          put?: never;
          post?: never;
          delete?: never;
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/groups": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          get?: never;
          put?: never;
          /**
           * Make a group
           * @description The caller has it. With `clientGroupId`, the same call again answers the same group.
           */
          post: operations["createGroup"];
          delete?: never;
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/groups/{id}": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          /**
           * A group, as one of its members sees it
           * @description Whoever is no member is answered as if there were no such group.
           */
          get: operations["getGroup"];
          put?: never;
          post?: never;
          /**
           * End a group for everyone
           * @description Only the owner may. Nobody writes to it or changes it any more; its members read on what was said.
           */
          delete: operations["dissolveGroup"];
          options?: never;
          head?: never;
          /**
           * Change the settings of a group
           * @description What is absent stays; null takes a value away. Another title is the event `renamed`, the rest `configured`.
           */
          patch: operations["updateGroup"];
          trace?: never;
      };
      "/groups/{id}/invites": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          /**
           * The invites of a group, the latest first
           * @description Admins see all, other members who may add see their own.
           */
          get: operations["listInvites"];
          put?: never;
          /**
           * Make an invite link
           * @description For members who may add others. With `clientInviteId`, the same call again answers the same invite. A group keeps 50; those that let nobody in make place for new ones, else `conflict`.
           */
          post: operations["createInvite"];
          delete?: never;
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/groups/{id}/invites/{inviteId}": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          get?: never;
          put?: never;
          post?: never;
          /**
           * Take an invite back
           * @description One's own, or any for admins. It lets nobody in from then on; those who came by it stay.
           */
          delete: operations["revokeInvite"];
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/groups/{id}/members": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          /**
           * Members, by their ids, a page at a time
           * @description The list may lag a moment behind a change.
           */
          get: operations["listMembers"];
          put?: never;
          /**
           * Add several members
           * @description A `forbidden` names the rule in `details.rule`.
           */
          post: operations["addMembers"];
          delete?: never;
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/groups/{id}/members/{userId}": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          get?: never;
          /**
           * Add a member
           * @description Who is a member already is no error. Who is added sees the group from the sequence of that event on.
           */
          put: operations["addMember"];
          post?: never;
          /**
           * Remove a member, or leave
           * @description `userId` of the caller leaves. Who is no member is no error. The owner leaves only as the last, which ends the group.
           */
          delete: operations["removeMember"];
          options?: never;
          head?: never;
          /**
           * Give a member another role
           * @description Admins make members admins; only the owner takes that back. `owner` hands the group over, and makes the owner of until then an admin.
           */
          patch: operations["setRole"];
          trace?: never;
      };
      "/groups/{id}/requests": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          /**
           * Who asks to be let in, by their ids, a page at a time
           * @description For members who may add others. The list may lag a moment behind.
           */
          get: operations["listJoinRequests"];
          put?: never;
          post?: never;
          delete?: never;
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/groups/{id}/requests/{userId}": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          get?: never;
          put?: never;
          /**
           * Let somebody in who asks
           * @description For members who may add others. Who is in already is no error. It counts as a use of the invite.
           */
          post: operations["approveJoinRequest"];
          /**
           * Turn somebody away who asks, or ask no more oneself
           * @description They may ask again while the link is good. A request that is not there is no error.
           */
          delete: operations["declineJoinRequest"];
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/hidden/{conversationId}/{messageId}": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          get?: never;
          /**
           * Delete a message for me
           * @description The caller's devices are told by `message.hidden`, and every read of the log for the caller leaves it out from then on. The others see it as before.
           */
          put: operations["hideMessage"];
          post?: never;
          delete?: never;
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/invites/{token}": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          /**
           * The group that a link leads to
           * @description A `forbidden` names in `details.rule` why the link lets nobody in: `invite_expired`, `invite_used_up`, `invite_revoked`, `dissolved`, or `removed_before`, for who was taken out by another.
           */
          get: operations["previewInvite"];
          put?: never;
          /**
           * Join by a link, or ask to
           * @description A `forbidden` names in `details.rule` why the link lets nobody in: `invite_expired`, `invite_used_up`, `invite_revoked`, `dissolved`, or `removed_before`, for who was taken out by another.
           */
          post: operations["joinByInvite"];
          delete?: never;
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/mailbox": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          /**
           * What this device alone may read, oldest first
           * @description The same comes as `mailbox.new` to the socket, after the hello and as it arrives. It is kept for 30 days, or until it is acknowledged.
           */
          get: operations["listMail"];
          put?: never;
          post?: never;
          delete?: never;
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/mailbox/{userId}/{deviceId}": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          get?: never;
          put?: never;
          /**
           * Put mail into the mailbox of one device
           * @description Of one's own devices, or of somebody who shares the conversation that is named. At least once: what is posted twice under one `clientMailId` has the same after the `-` of its `mailId`, and its device drops the second. A mailbox holds 1,000 pieces: more is `conflict`.
           */
          post: operations["postMail"];
          delete?: never;
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/mailbox/acks": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          get?: never;
          put?: never;
          /**
           * Say what mail this device has
           * @description It is deleted. The same as the frame `mailbox.ack`.
           */
          post: operations["acknowledgeMail"];
          delete?: never;
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/media/{handle}": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          /**
           * Where content can be read
           * @description For members of its conversation who may see a message that refers to it; before the first one, for who uploaded it. A group's picture is for all its members, and with `invite` for whoever has a link that lets them in. The address works for 15 minutes at most, ranges too. Once every such message is deleted or has expired, it is `not_found`.
           */
          get: operations["getMedia"];
          put?: never;
          post?: never;
          /**
           * Give up an upload
           * @description Or content that no message refers to. Only who began the upload may; what a message refers to is `conflict`.
           */
          delete: operations["abandonMedia"];
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/media/{handle}/complete": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          get?: never;
          put?: never;
          /**
           * Put the parts together
           * @description All must be there: otherwise it is `conflict`, with `details.missingParts`. Done before, it is done.
           */
          post: operations["completeUpload"];
          delete?: never;
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/media/{handle}/parts": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          /**
           * The parts that are there
           * @description To go on with an upload that was interrupted.
           */
          get: operations["listParts"];
          put?: never;
          /**
           * Sign the upload of parts
           * @description Each for exactly its size and SHA-256. A part may be uploaded again.
           */
          post: operations["signParts"];
          delete?: never;
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/media/{handle}/preview": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          /**
           * A preview of content
           * @description Of content that is not encrypted, for whoever may read it. Asked for the first time it is made, and 202 with `status: pending` says when to ask again; from then on it is there. Pictures: a JPEG that stands upright and has no notes. Sound: its length, its waveform, and a form that is played everywhere. What cannot have one is `refused`, with the reason.
           */
          get: operations["previewMedia"];
          put?: never;
          post?: never;
          delete?: never;
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/media/presign": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          get?: never;
          put?: never;
          /**
           * Upload content for a conversation
           * @description Answers a request to storage that is signed for exactly this size, type and SHA-256, or, above 16 MiB, how the content is cut into parts. Asked again, it is the same upload; where the conversation has the content, it is `ready` at once. A type that is not taken, 0 bytes or no SHA-256 is `bad_request`; more than its kind may have is `too_large`; what a day allows a user used up is `rate_limited` until the next (UTC); content that was refused is `forbidden`, with the reason in `details`.
           */
          post: operations["offerUpload"];
          delete?: never;
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/messages": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          get?: never;
          put?: never;
          /**
           * Send a message, as `message.send`
           * @description Once answered, the message survives any single fault and is readable by every member. A resend of the same `clientMsgId` by the same device answers the same message with `duplicate: true`.
           */
          post: operations["sendMessage"];
          delete?: never;
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/personal": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          /**
           * Drafts, stars and hidden messages that changed
           * @description In the order of the changes, each as it stands; what was deleted is there with `deleted` for 60 days. A list repeats what changed in the minutes before it starts.
           */
          get: operations["listPersonalChanges"];
          put?: never;
          post?: never;
          delete?: never;
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/pins": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          get?: never;
          put?: never;
          /**
           * Pin a message, as `message.pin`
           * @description A `forbidden` names the rule in `details.rule`.
           */
          post: operations["pinMessage"];
          delete?: never;
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/reactions": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          get?: never;
          put?: never;
          /**
           * React to a message, as `message.react`
           * @description A `forbidden` names the rule in `details.rule`.
           */
          post: operations["react"];
          delete?: never;
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/reads": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          get?: never;
          put?: never;
          /**
           * Read up to here, as `message.read`
           * @description Marks only rise; one that is as high already is no error. Read implies delivered.
           */
          post: operations["markRead"];
          delete?: never;
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/reports": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          get?: never;
          put?: never;
          /**
           * Report a message of another's
           * @description Where its content is still there it is in the report. What was deleted or has expired is proved by what the reporter got, for seven days after: `payload` (or `envelope`) must be that to the byte, or it is a `bad_request`. Of what was encrypted the ciphertext is proved; `plaintext` is the reporter's word.
           */
          post: operations["reportMessage"];
          delete?: never;
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/requests/{userId}": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          get?: never;
          /**
           * Accept that a stranger writes to me
           * @description What they send is no request any more. To write to them does the same. May be said before they write.
           */
          put: operations["acceptRequest"];
          post?: never;
          /**
           * Turn a stranger down
           * @description Blocks them, and puts the conversation away. They are not told.
           */
          delete: operations["declineRequest"];
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/scheduled": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          /**
           * Messages that are to be sent
           * @description Those of the caller, whichever device scheduled them; also those that were refused at their time, with `error`.
           */
          get: operations["listScheduled"];
          put?: never;
          /**
           * Send a message later
           * @description It is sent within a minute of its time, by the device `scheduled`, and checked then as any message. At most 100 wait.
           */
          post: operations["scheduleMessage"];
          delete?: never;
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/scheduled/{messageId}": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          get?: never;
          put?: never;
          post?: never;
          /**
           * Do not send it
           * @description One that was sent meanwhile is `not_found`.
           */
          delete: operations["cancelScheduled"];
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/search": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          /**
           * Find messages in the caller's conversations
           * @description Metadata of all messages is searched; words are where all members of a conversation have agreed to it. What the caller may not read at that moment is neither shown nor counted.
           */
          get: operations["search"];
          put?: never;
          post?: never;
          delete?: never;
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/settings": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          /**
           * When I am not to be disturbed
           * @description What applies to all conversations.
           */
          get: operations["getSettings"];
          /**
           * Set when I am not to be disturbed
           * @description In place of what was set before. While it is quiet no push is shown, not even a mention; what came is there when the app is opened.
           */
          put: operations["setSettings"];
          post?: never;
          delete?: never;
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/stars": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          /**
           * Stars, the newest first, a page at a time
           * @description References, without content.
           */
          get: operations["listStars"];
          put?: never;
          post?: never;
          delete?: never;
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/stars/{conversationId}/{messageId}": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          get?: never;
          /**
           * Mark a message
           * @description A message that the caller may see. Marked already, it stays as it is. A user may have 10,000 stars: one more is `too_large`.
           */
          put: operations["starMessage"];
          post?: never;
          /**
           * Take a mark away
           * @description Where there is none, all is well.
           */
          delete: operations["unstarMessage"];
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/sync": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          /**
           * Conversations that changed for me, latest first
           * @description Activity is filed by the hour, so a list repeats what changed in the hour in which it starts.
           */
          get: operations["listConversations"];
          put?: never;
          post?: never;
          delete?: never;
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/tickets": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          get?: never;
          put?: never;
          /**
           * A single-use connect ticket
           * @description For browsers, which cannot set a header on a WebSocket handshake. The ticket is the handshake's whole credential: it works once, for 30 seconds, for the device that the body names.
           */
          post: operations["createTicket"];
          delete?: never;
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/typing": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          get?: never;
          put?: never;
          /**
           * I am typing, as the frame `typing`
           * @description Told to those who are connected, and kept nowhere. It counts for six seconds.
           */
          post: operations["typing"];
          delete?: never;
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/users/{id}/identities": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          /**
           * What a user's devices sign with
           * @description Takes nothing: for safety numbers, and for the version of the set.
           */
          get: operations["getIdentities"];
          put?: never;
          post?: never;
          delete?: never;
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/users/{id}/keys": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          /**
           * Take a key package of each of a user's devices
           * @description A package goes to one taker. Where a device has none left it is its last resort, which says so. A user may take 600 times in an hour, and 20 times from one other: more is `rate_limited`.
           */
          get: operations["takeKeys"];
          put?: never;
          post?: never;
          delete?: never;
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
      "/votes": {
          parameters: {
              query?: never;
              header?: never;
              path?: never;
              cookie?: never;
          };
          get?: never;
          put?: never;
          /**
           * Vote in a poll, as `message.vote`
           * @description A `forbidden` names the rule in `details.rule`.
           */
          post: operations["vote"];
          delete?: never;
          options?: never;
          head?: never;
          patch?: never;
          trace?: never;
      };
  }
  export type webhooks = Record<string, never>;
  export interface components {
      schemas: {
          /** @description `message.ack`, and the body of `POST /acks` */
          Ack: {
              /** @description The conversation. */
              conversationId: components["schemas"]["ConversationId"];
              /** @description The last sequence received, all before it received too. */
              upTo: components["schemas"]["Sequence"];
          };
          /** @description A key, without its secret. */
          AdminKeyInfo: {
              /** @description Who made it. */
              by: string;
              /** @description What it is called. */
              name: string;
              /** @description Until when it is good, in ms since the epoch. */
              until: components["schemas"]["Timestamp"];
          };
          /** @description The answer of `GET /admin/keys` */
          AdminKeyList: {
              /** @description The keys that are good, by name. */
              keys: components["schemas"]["AdminKeyInfo"][];
          };
          /** @description The answer of `PUT /admin/keys/{name}`: the secret is shown this once. */
          AdminKeyMade: {
              /** @description The bearer token. */
              key: string;
              /** @description What the key is called. */
              name: string;
              /** @description Until when it is good, in ms since the epoch. */
              until: components["schemas"]["Timestamp"];
          };
          /** @description `PUT /admin/keys/{name}` */
          AdminKeyMake: {
              /** @description Its life, in seconds: at most 366 days. */
              seconds: number;
          };
          /** @description To whom something is shown. */
          Audience: "everyone" | "contacts" | "nobody";
          /** @description A ban. */
          BanInfo: {
              /** @description Which administrator says so. */
              by: string;
              /** @description Why. */
              reason: string;
              /** @description Since when, in ms since the epoch. */
              since: components["schemas"]["Timestamp"];
              /** @description Until when, in ms since the epoch; absent: for good. */
              until?: components["schemas"]["Timestamp"];
          };
          /** @description The answer of `PUT /admin/bans/{userId}` */
          BanMade: {
              /** @description The ban. */
              ban: components["schemas"]["BanInfo"];
              /** @description Sockets that were closed. */
              socketsClosed: components["schemas"]["Count"];
          };
          /** @description `PUT /admin/bans/{userId}` */
          BanMake: {
              /** @description Why: for other administrators to read. */
              reason: string;
              /** @description For so long, in seconds; absent: for good. */
              seconds?: number | null;
          };
          /** @description A user who is blocked. */
          BlockedUser: {
              /** @description Since when, in ms since the epoch. */
              since: components["schemas"]["Timestamp"];
              /** @description Who. */
              userId: components["schemas"]["UserId"];
          };
          /** @description The answer of `GET /blocks` */
          BlockPage: {
              /** @description Users, by name. */
              blocks: components["schemas"]["BlockedUser"][];
              /** @description Whether there is more. */
              hasMore: boolean;
              /** @description `after` of the next page; absent at the end. */
              next?: components["schemas"]["UserId"];
          };
          /** @description A reaction, or a choice of a poll: 1 to 64 bytes, without control characters. */
          Choice: string;
          /** @description The sender's own name for a message, unique for the device and conversation; without control characters. */
          ClientMsgId: string;
          /** @description `u:A|u:B` for two users, the ids in ascending order of their bytes (the same id twice: notes to oneself), or `g:ID` for a group. */
          ConversationId: string;
          /** @description The answer of `GET /sync` */
          ConversationPage: {
              /** @description Conversations that changed, latest first. */
              conversations: components["schemas"]["ConversationSummary"][];
              /** @description Whether there is more now. */
              hasMore: boolean;
              /** @description `since` of the next call. */
              next: string;
          };
          /** @description `conversation.settings`, and the answer of `PUT /conversations/{id}/settings`: what the user has set */
          ConversationSettings: {
              /** @description Whether it is put away. */
              archived: boolean;
              /** @description The conversation. */
              conversationId: components["schemas"]["ConversationId"];
              /** @description Until when it is muted, in ms since the epoch. */
              mutedUntil?: components["schemas"]["Timestamp"];
              /** @description Whether it is pinned. */
              pinned: boolean;
              /** @description Whether the user agrees that text is indexed for search. */
              searchable?: boolean;
              /** @description Whether the text of what follows is: all members agree. */
              textIndexed?: boolean;
              /** @description Life of messages that name none, in seconds. */
              ttlSeconds?: components["schemas"]["TtlSeconds"];
          };
          /** @description A conversation in the list. */
          ConversationSummary: {
              /** @description Whether I have put it away. */
              archived: boolean;
              /** @description The picture of a group, a media handle. */
              avatar?: components["schemas"]["MediaHandle"];
              /** @description The conversation. */
              conversationId: components["schemas"]["ConversationId"];
              /** @description What my devices have received. */
              deliveredUpTo: components["schemas"]["SequenceOrZero"];
              /** @description It is end-to-end encrypted, and stays so. */
              encrypted?: boolean;
              /** @description The last entry, without its content. */
              lastMessage?: components["schemas"]["MessageReference"];
              /** @description Its last sequence. */
              lastSequence: components["schemas"]["SequenceOrZero"];
              /** @description The server's clock at the last entry, in ms since the epoch. */
              lastTs: components["schemas"]["Timestamp"];
              /** @description Those of the first 100 of them that mention me or everyone. */
              mentions: components["schemas"]["Count"];
              /** @description Whether it is muted now. */
              muted: boolean;
              /** @description Until when it is muted, in ms since the epoch. */
              mutedUntil?: components["schemas"]["Timestamp"];
              /** @description Whether I have pinned it. */
              pinned: boolean;
              /** @description What I have read. */
              readUpTo: components["schemas"]["SequenceOrZero"];
              /** @description A stranger has written to me, to whom I have not written, and whom I have not accepted. */
              request?: boolean;
              /** @description The name of a group. */
              title?: components["schemas"]["GroupTitle"];
              /** @description Life of messages that name none, in seconds. */
              ttlSeconds?: components["schemas"]["TtlSeconds"];
              /** @description Messages of others that I have not read; exact up to 100. */
              unread: components["schemas"]["Count"];
          };
          Count: number;
          /** @description What an administrator did, or asked for. */
          DeedInfo: {
              /** @description What: `ban`, `unban`, `look`, `read reports`, `resolve`, `make key`, `drop key`, `read keys`, `read audit`. */
              action: string;
              /** @description When, in ms since the epoch. */
              at: components["schemas"]["Timestamp"];
              /** @description Which administrator: `user:` and the user, or `key:` and the name of the key. */
              by: string;
              /** @description More of it, in the administrator's words. */
              detail: string;
              /** @description To whom, or to what. */
              subject: string;
          };
          /** @description The answer of `GET /admin/audit` */
          DeedPage: {
              /** @description What was done on the day, the latest first. */
              deeds: components["schemas"]["DeedInfo"][];
              /** @description `before` of the next page; absent at the end. */
              next?: string;
          };
          /** @description For whom a message is deleted. */
          DeleteFor: "everyone" | "me";
          /** @description A device of one user, named by the client. Two users may use the same name. */
          DeviceId: string;
          /** @description A device of the user's. */
          DeviceInfo: {
              /** @description It is the one that asks. */
              current: boolean;
              /** @description The device. */
              deviceId: components["schemas"]["DeviceId"];
              /** @description When it was last there, in ms since the epoch. */
              lastSeen: components["schemas"]["Timestamp"];
              /** @description What its user calls it; absent until it is registered. */
              name?: string;
              /** @description What it is; absent until it is registered. */
              platform?: components["schemas"]["DevicePlatform"];
              /** @description Who takes pushes to it; absent where it is not pushed to. */
              pushService?: components["schemas"]["DevicePushService"];
          };
          /** @description The answer of `GET /devices` */
          DeviceList: {
              /** @description Devices that have not been revoked, the latest seen first. */
              devices: components["schemas"]["DeviceInfo"][];
              /** @description The key that a browser subscribes with (`applicationServerKey`); absent where browsers are not pushed to. */
              webPushKey?: string;
          };
          /** @description What sort of device it is. */
          DevicePlatform: "ios" | "android" | "web" | "desktop" | "other";
          /** @description Where a device is to be pushed to. */
          DevicePush: {
              /** @description By whom. */
              service: components["schemas"]["DevicePushService"];
              /** @description The subscription of a browser: of `webpush` alone. */
              subscription?: components["schemas"]["Subscription"] | null;
              /** @description What the service calls this installation of the app: of all services but `webpush`. */
              token?: string | null;
          };
          /** @description Who takes pushes to a device. */
          DevicePushService: "apns" | "apns_sandbox" | "fcm" | "webpush";
          /** @description A device, and whose it is. */
          DeviceRef: {
              /** @description The device. */
              deviceId: components["schemas"]["DeviceId"];
              /** @description The user. */
              userId: components["schemas"]["UserId"];
          };
          /** @description `PUT /devices/{id}` */
          DeviceRegistration: {
              /** @description What its user calls it. */
              name: string;
              /** @description What it is. */
              platform: components["schemas"]["DevicePlatform"];
              /** @description Where to push to; absent: it is not pushed to. */
              push?: components["schemas"]["DevicePush"] | null;
          };
          /** @description `draft.updated`, and a draft of `GET /drafts`: what the user has not sent yet */
          Draft: {
              /** @description The conversation. */
              conversationId: components["schemas"]["ConversationId"];
              /** @description The content: any JSON value, as it was written; `null` where the draft was deleted. */
              payload: unknown;
              /** @description The device's clock at the change, in ms since the epoch; the later one stands. */
              ts: components["schemas"]["Timestamp"];
          };
          /** @description The answer of `GET /drafts` */
          DraftPage: {
              /** @description Drafts, by conversation. */
              drafts: components["schemas"]["Draft"][];
              /** @description Whether there is more. */
              hasMore: boolean;
              /** @description `after` of the next page; absent at the end. */
              next?: components["schemas"]["ConversationId"];
          };
          /** @description `PUT /drafts/{conversationId}` */
          DraftUpdate: {
              /** @description The content: any JSON value; `null` deletes the draft. */
              payload: unknown;
              /** @description The device's clock, in ms since the epoch: of two changes the one with the later `ts` stands. */
              ts: components["schemas"]["Timestamp"];
          };
          /** @description What only one device may read: base64, with padding. */
          Envelope: string;
          /** @description The `error` frame, and the body of every HTTP error. */
          Error: {
              /** @description The message that failed. */
              clientMsgId?: string;
              /** @description Why. */
              code: components["schemas"]["ErrorCode"];
              /** @description More, for a program: `field` names the field at fault. */
              details?: components["schemas"]["ErrorDetails"];
              /** @description The same for a person, naming the field where there is one. */
              message: string;
              /** @description The `id` of the frame that failed. */
              replyTo?: components["schemas"]["FrameId"];
              /** @description When to come back, in milliseconds. */
              retryAfterMs?: components["schemas"]["Count"];
              /** @constant */
              type: "error";
          };
          /** @description Why a frame or a call failed. */
          ErrorCode: "bad_request" | "unknown_type" | "unauthorized" | "forbidden" | "not_found" | "not_a_member" | "too_large" | "rate_limited" | "blocked" | "stale_devices" | "stale_epoch" | "conflict" | "unavailable" | "internal";
          /** @description What an error says for a program. */
          ErrorDetails: {
              /** @description With `stale_epoch`: the MLS epoch of the conversation. */
              epoch?: number;
              /** @description The field at fault, as a path. */
              field?: string;
              /** @description With `rate_limited`: the limit. */
              limit?: string;
              /** @description With `forbidden`, and `rate_limited` by a group: the rule. */
              rule?: string;
              /** @description With `stale_devices`: by user, how their devices are others than those that were encrypted for. */
              users?: {
                  [key: string]: components["schemas"]["StaleDevices"];
              };
          };
          /** @description The answer of `GET /events` */
          EventPage: {
              /** @description `cursor` of the next call. */
              cursor: string;
              /** @description Frames as the service says them on a socket, in order: see the `AsyncAPI` document. None where nothing happened in time. */
              events: {
                  [key: string]: unknown;
              }[];
          };
          /** @description Chosen by the client for one frame; its answer carries the same as `replyTo`. */
          FrameId: string;
          /** @description An error of API Gateway itself. */
          GatewayError: {
              message: string;
          };
          /** @description Who may do something in a group. */
          GroupAudience: "all" | "admins";
          /** @description `POST /groups` */
          GroupCreate: {
              /** @description The picture, a media handle. */
              avatar?: components["schemas"]["MediaHandle"] | null;
              /** @description The device's own name for the group: the same again answers the same group. */
              clientGroupId?: components["schemas"]["ClientMsgId"] | null;
              /** @description What it is about. */
              description?: components["schemas"]["GroupDescription"] | null;
              /** @description Who may add members. */
              mayAdd?: components["schemas"]["GroupAudience"] | null;
              /** @description Who may send. */
              mayPost?: components["schemas"]["GroupAudience"] | null;
              /**
               * @description The first members, beside the caller.
               * @default []
               */
              members: components["schemas"]["UserId"][];
              /** @description Seconds that a member waits between two messages; 0: none. */
              slowModeSeconds?: components["schemas"]["SlowModeSeconds"] | null;
              /** @description The name. */
              title: components["schemas"]["GroupTitle"];
              /** @description Life of messages that name none, in seconds. */
              ttlSeconds?: components["schemas"]["TtlSeconds"] | null;
          };
          GroupDescription: string;
          /** @description A group, as a member sees it. */
          GroupInfo: {
              /** @description The picture, a media handle. */
              avatar?: components["schemas"]["MediaHandle"];
              /** @description The conversation. */
              conversationId: components["schemas"]["ConversationId"];
              /** @description When it was made. */
              createdAt: components["schemas"]["Timestamp"];
              /** @description What it is about. */
              description?: string;
              /** @description The group has ended. */
              dissolved: boolean;
              /** @description The sequence from which on the caller sees it. */
              joinedAt: components["schemas"]["Sequence"];
              /** @description Who may add members. */
              mayAdd: components["schemas"]["GroupAudience"];
              /** @description Who may send. */
              mayPost: components["schemas"]["GroupAudience"];
              /** @description How many members it has. */
              memberCount: components["schemas"]["Count"];
              /** @description Who has it. */
              ownerUserId: components["schemas"]["UserId"];
              /** @description Messages are announced by `conversation.updated`, to be pulled. */
              pulled: boolean;
              /** @description What the caller is in it. */
              role: components["schemas"]["GroupRole"];
              /** @description Seconds that a member waits between two messages; 0: none. */
              slowModeSeconds: components["schemas"]["SlowModeSeconds"];
              /** @description The name. */
              title: components["schemas"]["GroupTitle"];
              /** @description Life of messages that name none, in seconds. */
              ttlSeconds?: components["schemas"]["TtlSeconds"];
          };
          /** @description A member, as members see them. */
          GroupMember: {
              /** @description The sequence of their joining. */
              joinedAt: components["schemas"]["Sequence"];
              /** @description What they are. */
              role: components["schemas"]["GroupRole"];
              /** @description The user. */
              userId: components["schemas"]["UserId"];
          };
          /** @description What a member is in a group. */
          GroupRole: "member" | "admin" | "owner";
          /** @description The title of a group, without control characters; spaces around it are taken away. */
          GroupTitle: string;
          /** @description `PATCH /groups/{id}`: what is absent stays; null takes a value away. */
          GroupUpdate: {
              /** @description The picture, a media handle. */
              avatar?: components["schemas"]["MediaHandle"] | null;
              /** @description What it is about. */
              description?: components["schemas"]["GroupDescription"] | null;
              /** @description Who may add members. */
              mayAdd?: components["schemas"]["GroupAudience"] | null;
              /** @description Who may send. */
              mayPost?: components["schemas"]["GroupAudience"] | null;
              /** @description Seconds that a member waits between two messages; 0: none. */
              slowModeSeconds?: components["schemas"]["SlowModeSeconds"] | null;
              /** @description The name. */
              title?: components["schemas"]["GroupTitle"] | null;
              /** @description Life of messages that name none, in seconds. */
              ttlSeconds?: components["schemas"]["TtlSeconds"] | null;
          };
          /** @description A part of a snippet, in Unicode characters (scalar values). */
          Highlight: {
              /** @description Characters of it. */
              length: components["schemas"]["Count"];
              /** @description Characters before it. */
              start: components["schemas"]["Count"];
          };
          /** @description What a device signs with: the 32 bytes of an Ed25519 public key, in base64. */
          IdentityKey: string;
          /** @description How a user stands to a group that they have a link to. */
          InviteAdmission: "member" | "asked" | "outside";
          /** @description `POST /groups/{id}/invites` */
          InviteCreate: {
              /**
               * @description A member who may add others must agree to each.
               * @default false
               */
              approval: boolean;
              /** @description The device's own name for the invite: the same again answers the same invite. */
              clientInviteId?: components["schemas"]["ClientMsgId"] | null;
              /** @description The life of the link, in seconds; absent: until it is revoked. */
              expiresInSeconds?: components["schemas"]["InviteSeconds"] | null;
              /** @description How many it lets in; absent: as many as come. */
              maxUses?: components["schemas"]["InviteUses"] | null;
          };
          /** @description The name of an invite, which is its secret: it is for those who may add members. */
          InviteId: string;
          /** @description An invite, as those see it who may add members. */
          InviteInfo: {
              /** @description A member who may add others must agree to each. */
              approval: boolean;
              /** @description The group. */
              conversationId: components["schemas"]["ConversationId"];
              /** @description When. */
              createdAt: components["schemas"]["Timestamp"];
              /** @description Who made it. When they may add members no more, it lets nobody in. */
              createdBy: components["schemas"]["UserId"];
              /** @description From when on it lets nobody in. */
              expiresAt?: components["schemas"]["Timestamp"];
              /** @description Its name. */
              inviteId: components["schemas"]["InviteId"];
              /** @description How many it lets in. */
              maxUses?: components["schemas"]["InviteUses"];
              /** @description Whether it lets anybody in. */
              status: components["schemas"]["InviteStatus"];
              /** @description What its link ends with: whoever has it may join. */
              token: components["schemas"]["InviteToken"];
              /** @description How many it has let in. */
              uses: components["schemas"]["Count"];
          };
          /** @description `POST /invites/{token}` */
          InviteJoined: {
              /** @description `member`, or `asked` where a member must agree first. */
              admission: components["schemas"]["InviteAdmission"];
              /** @description The group. */
              conversationId: components["schemas"]["ConversationId"];
              /** @description The group, for who is in it now. */
              group?: components["schemas"]["GroupInfo"];
          };
          /** @description `GET /groups/{id}/invites` */
          InviteList: {
              /** @description The latest first. */
              invites: components["schemas"]["InviteInfo"][];
          };
          /** @description `GET /invites/{token}`: the group, as somebody with a link sees it. */
          InvitePreview: {
              /** @description How the caller stands to it. */
              admission: components["schemas"]["InviteAdmission"];
              /** @description A member must agree to those who come. */
              approval: boolean;
              /** @description Its picture, a media handle. */
              avatar?: components["schemas"]["MediaHandle"];
              /** @description The group. */
              conversationId: components["schemas"]["ConversationId"];
              /** @description What it is about. */
              description?: string;
              /** @description How many members it has. */
              memberCount: components["schemas"]["Count"];
              /** @description Its name. */
              title: components["schemas"]["GroupTitle"];
          };
          InviteSeconds: number;
          /** @description Whether an invite lets anybody in. */
          InviteStatus: "live" | "expired" | "usedUp" | "revoked";
          /** @description What an invite link ends with: whoever has it may join. */
          InviteToken: string;
          InviteUses: number;
          /** @description Somebody asks to be let in. */
          JoinRequestInfo: {
              /** @description When they first asked. */
              askedAt: components["schemas"]["Timestamp"];
              /** @description By which invite. */
              inviteId: components["schemas"]["InviteId"];
              /** @description Who. */
              userId: components["schemas"]["UserId"];
          };
          /** @description `GET /groups/{id}/requests` */
          JoinRequestPage: {
              /** @description Whether there is more. */
              hasMore: boolean;
              /** @description `after` of the next page; absent at the end. */
              next?: components["schemas"]["UserId"];
              /** @description By the users' ids. */
              requests: components["schemas"]["JoinRequestInfo"][];
          };
          /** @description What one device is encrypted for with. */
          KeyBundle: {
              /** @description The device. */
              deviceId: components["schemas"]["DeviceId"];
              /** @description What it signs with. */
              identityKey: components["schemas"]["IdentityKey"];
              /** @description The key package; absent where there is none left, and in `GET /users/{id}/identities`. */
              keyPackage?: components["schemas"]["KeyPackage"];
              /** @description Others may have been given the same package. */
              lastResort?: boolean;
          };
          /** @description The answer of `GET /users/{id}/keys` */
          KeyBundles: {
              /** @description One bundle for each device. */
              devices: components["schemas"]["KeyBundle"][];
              /** @description The version of the user's set of devices; for `devices` of what is encrypted for them. */
              devicesVersion: components["schemas"]["Count"];
              /** @description The user. */
              userId: components["schemas"]["UserId"];
          };
          /** @description A framed MLS key package: base64, with padding. */
          KeyPackage: string;
          /** @description The keys that a device has here. */
          KeyStock: {
              /** @description Key packages that nobody has taken. */
              count: components["schemas"]["Count"];
              /** @description Whether there is one for when those have run out. */
              hasLastResort: boolean;
              /** @description What the device signs with; absent before it has put any keys here. */
              identityKey?: components["schemas"]["IdentityKey"];
          };
          /** @description `PUT /devices/{id}/keys` */
          KeyUpload: {
              /** @description What the device signs with: an Ed25519 public key, in base64. */
              identityKey: components["schemas"]["IdentityKey"];
              /**
               * @description Key packages, each for one taker: framed MLS messages, in base64.
               * @default []
               */
              keyPackages: components["schemas"]["KeyPackage"][];
              /** @description The key package for when those have run out, in place of the one before. */
              lastResort?: components["schemas"]["KeyPackage"] | null;
          };
          /** @description What sort of content a message has. */
          Kind: "text" | "image" | "audio" | "video" | "doc" | "poll" | "system" | components["schemas"]["KindName"];
          /** @description A sort of content that the service does not know and passes on. */
          KindName: string;
          /** @description `mailbox.ack`, and the body of `POST /mailbox/acks` */
          MailAck: {
              /** @description What the device has, and needs no more. */
              mailIds: components["schemas"]["MailId"][];
          };
          /** @description The name of a piece of mail. Ids sort by time. */
          MailId: string;
          /** @description `mailbox.new`, and a piece of mail of `GET /mailbox` */
          MailNew: {
              /** @description The conversation that it belongs to. */
              conversationId?: components["schemas"]["ConversationId"];
              /** @description From which device. */
              fromDeviceId: components["schemas"]["DeviceId"];
              /** @description Who sent it. */
              fromUserId: components["schemas"]["UserId"];
              /** @description What it is for. */
              kind: components["schemas"]["KindName"];
              /** @description Its name, by which it is acknowledged. Ids sort by time. */
              mailId: components["schemas"]["MailId"];
              /** @description The content: any JSON value; of a Welcome base64. */
              payload: unknown;
              /** @description Of a Welcome: the place of its commit. */
              sequence?: components["schemas"]["Sequence"];
              /** @description When it was put here, in ms since the epoch. */
              ts: components["schemas"]["Timestamp"];
          };
          /** @description The answer of `GET /mailbox` */
          MailPage: {
              /** @description Pieces that found no room since the mailbox was last read to its end. */
              dropped: components["schemas"]["Count"];
              /** @description Whether there is more. */
              hasMore: boolean;
              /** @description The mail, oldest first. */
              mail: components["schemas"]["MailNew"][];
              /** @description `after` of the next page; absent at the end. */
              next?: components["schemas"]["MailId"];
          };
          /** @description `POST /mailbox/{userId}/{deviceId}` */
          MailPost: {
              /** @description The sender's own name for the mail, unique for the two devices. */
              clientMailId: components["schemas"]["ClientMsgId"];
              /** @description A conversation of both; needed for another user's device. */
              conversationId?: components["schemas"]["ConversationId"] | null;
              /** @description What it is for; `welcome` is the service's word. */
              kind: components["schemas"]["KindName"];
              /** @description The content: any JSON value, of at most 24 KiB of JSON text; opaque to the service. */
              payload: unknown;
          };
          /** @description A member's marks. */
          Marks: {
              /** @description Everything up to here was received. */
              deliveredUpTo: components["schemas"]["SequenceOrZero"];
              /** @description Everything up to here was read. */
              readUpTo: components["schemas"]["SequenceOrZero"];
          };
          /** @description The answer of `POST /media/{handle}/complete` */
          MediaCompleted: {
              /** @description The name of the content. */
              mediaHandle: components["schemas"]["MediaHandle"];
              /** @description How far it has got: it is `ready` once it has been looked at. */
              status: components["schemas"]["MediaState"];
          };
          /** @description Content in object storage. Equal content in one conversation has equal handles. */
          MediaHandle: string;
          /** @description The answer of `GET /media/{handle}` */
          MediaInfo: {
              /** @description Until when it can be read there, in ms since the epoch. */
              expiresAt?: components["schemas"]["Timestamp"];
              /** @description Its type. */
              mime: components["schemas"]["Mime"];
              /** @description Why it was refused: `size`, `sha256`, `mime`, `malware` or `unscanned`. */
              reason?: string;
              /** @description Its size, in bytes. */
              size: components["schemas"]["MediaSize"];
              /** @description How far it has got. */
              status: components["schemas"]["MediaState"];
              /** @description Where it can be read, in ranges too. It holds a signature: it is a secret until its time is over. */
              url?: string;
          };
          /** @description The size of content, in bytes. How much it may be depends on its type. */
          MediaSize: number;
          /** @description How far content has got. */
          MediaState: "pending" | "ready" | "refused";
          /** @description `GET /groups/{id}/members` */
          MemberPage: {
              /** @description Whether there is more. */
              hasMore: boolean;
              /** @description Members, by their ids. */
              members: components["schemas"]["GroupMember"][];
              /** @description `after` of the next page; absent at the end. */
              next?: components["schemas"]["UserId"];
          };
          /** @description `POST /groups/{id}/members` */
          MembersAdd: {
              /** @description Who is taken in. */
              userIds: components["schemas"]["UserId"][];
          };
          /** @description A user, or `@all` for everyone. */
          Mention: string;
          /** @description `message.commit`, and the body of `POST /commits` */
          MessageCommit: {
              /** @description 1 at the first send, 2 at the first resend, and so on. */
              attempt?: number | null;
              /** @description The last sequence held at the first attempt; asked for from attempt 2. */
              baseSequence?: components["schemas"]["SequenceOrZero"] | null;
              /** @description The sender's own name for the commit, unique for the device and conversation. */
              clientMsgId: components["schemas"]["ClientMsgId"];
              /** @description The conversation. */
              conversationId: components["schemas"]["ConversationId"];
              /** @description For whose devices it is made, by the versions of their sets that the sender knows; see `message.send`. */
              devices?: {
                  [key: string]: components["schemas"]["Count"];
              };
              /** @description The epoch that it was made in; the conversation is in the next one then. */
              epoch: components["schemas"]["Count"];
              /** @description Content in object storage: a Welcome that is too large for a frame. */
              mediaHandle?: components["schemas"]["MediaHandle"] | null;
              /** @description The commit: a framed MLS message, in base64. */
              payload: components["schemas"]["MlsMessage"];
              /** @description The sender's clock, in ms since the epoch; for display only. */
              ts: components["schemas"]["Timestamp"];
              /** @description The Welcome for those whom it adds: a framed MLS message, in base64. */
              welcome?: components["schemas"]["MlsMessage"] | null;
              /** @description Whose mailboxes the Welcome is put into. */
              welcomed?: components["schemas"]["DeviceRef"][];
          };
          /** @description `message.delete`, and the body of `POST /deletes` */
          MessageDelete: {
              /** @description 1 at the first send, 2 at the first resend, and so on. */
              attempt?: number | null;
              /** @description The last sequence held at the first attempt; asked for from attempt 2. */
              baseSequence?: components["schemas"]["SequenceOrZero"] | null;
              /** @description The sender's own name for this event, unique for the device and conversation. */
              clientMsgId: components["schemas"]["ClientMsgId"];
              /** @description The conversation. */
              conversationId: components["schemas"]["ConversationId"];
              /** @description For whom. */
              for: components["schemas"]["DeleteFor"];
              /** @description The message that this is about. */
              messageId: components["schemas"]["MessageId"];
              /** @description The place of that message. Without it, the latest 2,048 entries are searched. */
              messageSequence?: components["schemas"]["Sequence"] | null;
              /** @description The sender's clock, in ms since the epoch; for display only. */
              ts?: components["schemas"]["Timestamp"] | null;
          };
          /** @description `message.edit`, and the body of `POST /edits` */
          MessageEdit: {
              /** @description 1 at the first send, 2 at the first resend, and so on. */
              attempt?: number | null;
              /** @description The last sequence held at the first attempt; asked for from attempt 2. */
              baseSequence?: components["schemas"]["SequenceOrZero"] | null;
              /** @description The sender's own name for this event, unique for the device and conversation. */
              clientMsgId: components["schemas"]["ClientMsgId"];
              /** @description The conversation. */
              conversationId: components["schemas"]["ConversationId"];
              /** @description What only one device may read, by device, in base64. */
              envelopes?: {
                  [key: string]: components["schemas"]["Envelope"];
              };
              /** @description The MLS epoch that the content was made in. */
              epoch?: components["schemas"]["Count"] | null;
              /** @description Users to draw the attention of; `@all` is everyone. */
              mentions?: components["schemas"]["Mention"][];
              /** @description The message that this is about. */
              messageId: components["schemas"]["MessageId"];
              /** @description The place of that message. Without it, the latest 2,048 entries are searched. */
              messageSequence?: components["schemas"]["Sequence"] | null;
              /** @description The content that takes the place of the earlier one. */
              payload: unknown;
              /** @description The sender's clock, in ms since the epoch; for display only. */
              ts?: components["schemas"]["Timestamp"] | null;
          };
          /** @description What sort of event an entry is. */
          MessageEvent: "message" | "edit" | "delete" | "reaction" | "vote" | "pin" | "unpin" | "membership" | "commit";
          /** @description The service's name for an entry. Equal sends have equal ids. */
          MessageId: string;
          /** @description `message.new`, and an entry of a page */
          MessageNew: {
              /** @description Of a vote: what is chosen. */
              choices?: components["schemas"]["Choice"][];
              /** @description The sender's name for it. */
              clientMsgId: components["schemas"]["ClientMsgId"];
              /** @description The sender's clock, in ms since the epoch. */
              clientTs?: components["schemas"]["Timestamp"];
              /** @description The conversation. */
              conversationId: components["schemas"]["ConversationId"];
              /** @description It was deleted for everyone: the content is gone. */
              deleted?: boolean;
              /** @description What only this device may read, in base64. */
              envelope?: components["schemas"]["Envelope"];
              /** @description The MLS epoch of the conversation at this entry, where it is encrypted. */
              epoch?: components["schemas"]["Count"];
              /** @description What sort of event. */
              event: components["schemas"]["MessageEvent"];
              /** @description It has expired: the content is gone. */
              expired?: boolean;
              /** @description How often it has been passed on. */
              forwards?: components["schemas"]["Count"];
              /** @description The message answered. */
              inReplyTo?: components["schemas"]["MessageId"];
              /** @description What sort of content. */
              kind: components["schemas"]["Kind"];
              /** @description Content in object storage. */
              mediaHandle?: components["schemas"]["MediaHandle"];
              /** @description Users to draw the attention of; `@all` is everyone. */
              mentions?: components["schemas"]["Mention"][];
              /** @description The service's name for the entry. */
              messageId: components["schemas"]["MessageId"];
              /** @description The content: any JSON value, as it was sent; `null` where it has expired. */
              payload: unknown;
              /** @description Of a reaction: what it is; absent where it is taken back. */
              reaction?: components["schemas"]["Choice"];
              /** @description From which device. */
              senderDeviceId: components["schemas"]["DeviceId"];
              /** @description Who sent it. */
              senderUserId: components["schemas"]["UserId"];
              /** @description Its place in the conversation. */
              sequence: components["schemas"]["Sequence"];
              /** @description The message that an edit, a delete, a reaction, a vote or a pin is about. */
              targetMessageId?: components["schemas"]["MessageId"];
              /** @description Its place. */
              targetSequence?: components["schemas"]["Sequence"];
              /** @description Its author. */
              targetUserId?: components["schemas"]["UserId"];
              /** @description The first message of the thread. */
              threadRoot?: components["schemas"]["MessageId"];
              /** @description The server's clock at the append, in ms since the epoch. */
              ts: components["schemas"]["Timestamp"];
              /** @description Life in seconds. */
              ttlSeconds?: components["schemas"]["TtlSeconds"];
              /** @description Everyone has opened it: the content is gone. */
              viewed?: boolean;
              /** @description Each reader opens it once; the content is not shown otherwise. */
              viewOnce?: boolean;
          };
          /** @description The answer of `GET /conversations/{id}/messages` */
          MessagePage: {
              /** @description Whether there is more now. */
              hasMore: boolean;
              /** @description The entries, in order. */
              messages: components["schemas"]["MessageNew"][];
              /** @description `since` of the next page; `before` of the page before where only `before` was given. */
              next: components["schemas"]["SequenceOrZero"];
          };
          /** @description `message.pin`, and the body of `POST /pins` */
          MessagePin: {
              /** @description 1 at the first send, 2 at the first resend, and so on. */
              attempt?: number | null;
              /** @description The last sequence held at the first attempt; asked for from attempt 2. */
              baseSequence?: components["schemas"]["SequenceOrZero"] | null;
              /** @description The sender's own name for this event, unique for the device and conversation. */
              clientMsgId: components["schemas"]["ClientMsgId"];
              /** @description The conversation. */
              conversationId: components["schemas"]["ConversationId"];
              /** @description The message that this is about. */
              messageId: components["schemas"]["MessageId"];
              /** @description The place of that message. Without it, the latest 2,048 entries are searched. */
              messageSequence?: components["schemas"]["Sequence"] | null;
              /** @description Whether it is to be pinned, or no longer. */
              pinned: boolean;
              /** @description The sender's clock, in ms since the epoch; for display only. */
              ts?: components["schemas"]["Timestamp"] | null;
          };
          /** @description `message.react`, and the body of `POST /reactions` */
          MessageReact: {
              /** @description 1 at the first send, 2 at the first resend, and so on. */
              attempt?: number | null;
              /** @description The last sequence held at the first attempt; asked for from attempt 2. */
              baseSequence?: components["schemas"]["SequenceOrZero"] | null;
              /** @description The sender's own name for this event, unique for the device and conversation. */
              clientMsgId: components["schemas"]["ClientMsgId"];
              /** @description The conversation. */
              conversationId: components["schemas"]["ConversationId"];
              /** @description The message that this is about. */
              messageId: components["schemas"]["MessageId"];
              /** @description The place of that message. Without it, the latest 2,048 entries are searched. */
              messageSequence?: components["schemas"]["Sequence"] | null;
              /** @description The reaction; absent, an earlier one is taken back. */
              reaction?: components["schemas"]["Choice"] | null;
              /** @description The sender's clock, in ms since the epoch; for display only. */
              ts?: components["schemas"]["Timestamp"] | null;
          };
          /** @description An entry, without its content. */
          MessageReference: {
              /** @description What sort of event. */
              event: components["schemas"]["MessageEvent"];
              /** @description What sort of content. */
              kind: components["schemas"]["Kind"];
              /** @description The service's name for it. */
              messageId: components["schemas"]["MessageId"];
              /** @description Who sent it. */
              senderUserId: components["schemas"]["UserId"];
              /** @description Its place in the conversation. */
              sequence: components["schemas"]["Sequence"];
              /** @description The server's clock at the append, in ms since the epoch. */
              ts: components["schemas"]["Timestamp"];
          };
          /** @description `message.send`, and the body of `POST /messages` */
          MessageSend: {
              /** @description 1 at the first send, 2 at the first resend, and so on. */
              attempt?: number | null;
              /** @description The last sequence held at the first attempt; asked for from attempt 2. */
              baseSequence?: components["schemas"]["SequenceOrZero"] | null;
              /** @description The sender's own name for the message, unique for the device and conversation. */
              clientMsgId: components["schemas"]["ClientMsgId"];
              /** @description The conversation. */
              conversationId: components["schemas"]["ConversationId"];
              /**
               * @description For whose devices it was encrypted, by the versions of their sets that the sender knows. Where one is another by
               *     now, the whole is refused with `stale_devices`.
               */
              devices?: {
                  [key: string]: components["schemas"]["Count"];
              };
              /** @description What only one device may read, by device, in base64. */
              envelopes?: {
                  [key: string]: components["schemas"]["Envelope"];
              };
              /** @description The MLS epoch that the content was made in. */
              epoch?: components["schemas"]["Count"] | null;
              /** @description How often the content has been passed on: one more than the message that it is taken from. */
              forwards?: components["schemas"]["Count"] | null;
              /** @description The message answered. */
              inReplyTo?: components["schemas"]["MessageId"] | null;
              /** @description What sort of content; `text` where absent. */
              kind?: components["schemas"]["Kind"] | null;
              /** @description Content in object storage. */
              mediaHandle?: components["schemas"]["MediaHandle"] | null;
              /** @description Users to draw the attention of; `@all` is everyone, for the admins of a group. */
              mentions?: components["schemas"]["Mention"][];
              /** @description The content: any JSON value, of at most 24 KiB of JSON text; opaque to the service. */
              payload: unknown;
              /** @description The first message of the thread. */
              threadRoot?: components["schemas"]["MessageId"] | null;
              /** @description The sender's clock, in ms since the epoch; for display only. */
              ts: components["schemas"]["Timestamp"];
              /** @description Life in seconds. */
              ttlSeconds?: components["schemas"]["TtlSeconds"] | null;
              /** @description Each reader opens it once; the content is not shown otherwise. */
              viewOnce?: boolean;
          };
          /** @description `message.vote`, and the body of `POST /votes` */
          MessageVote: {
              /** @description 1 at the first send, 2 at the first resend, and so on. */
              attempt?: number | null;
              /** @description The last sequence held at the first attempt; asked for from attempt 2. */
              baseSequence?: components["schemas"]["SequenceOrZero"] | null;
              /** @description What is chosen, in place of what was chosen before; none takes the vote back. */
              choices: components["schemas"]["Choice"][];
              /** @description The sender's own name for this event, unique for the device and conversation. */
              clientMsgId: components["schemas"]["ClientMsgId"];
              /** @description The conversation. */
              conversationId: components["schemas"]["ConversationId"];
              /** @description The message that this is about. */
              messageId: components["schemas"]["MessageId"];
              /** @description The place of that message. Without it, the latest 2,048 entries are searched. */
              messageSequence?: components["schemas"]["Sequence"] | null;
              /** @description The sender's clock, in ms since the epoch; for display only. */
              ts?: components["schemas"]["Timestamp"] | null;
          };
          /**
           * @description A type of content that is taken.
           * @enum {string}
           */
          Mime: "image/jpeg" | "image/png" | "image/gif" | "image/webp" | "image/heic" | "image/avif" | "audio/mpeg" | "audio/mp4" | "audio/ogg" | "audio/webm" | "audio/wav" | "audio/flac" | "audio/aac" | "video/mp4" | "video/webm" | "video/quicktime" | "application/pdf" | "application/zip" | "text/plain" | "application/vnd.openxmlformats-officedocument.wordprocessingml.document" | "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" | "application/vnd.openxmlformats-officedocument.presentationml.presentation" | "application/octet-stream";
          /** @description A framed MLS message (RFC 9420, section 6): base64, with padding. */
          MlsMessage: string;
          /** @description How content is cut into parts. */
          MultipartPlan: {
              /** @description The size of every part but the last, in bytes. */
              partBytes: components["schemas"]["Count"];
              /** @description How many parts there are, numbered from 1. */
              partCount: components["schemas"]["PartNumber"];
          };
          /** @description The answer of `POST /conversations/{id}/messages/{messageId}/open`, and of `GET` without `open` */
          OneMessage: {
              /** @description The message. */
              message: components["schemas"]["MessageNew"];
          };
          /** @description The number of a part, from 1. */
          PartNumber: number;
          /** @description A part that is signed. */
          PartSigned: {
              /** @description Its number. */
              number: components["schemas"]["PartNumber"];
              /** @description The request that uploads it. */
              upload: components["schemas"]["SignedUpload"];
          };
          /** @description `POST /media/{handle}/parts` */
          PartsRequest: {
              /** @description The parts to be signed. */
              parts: components["schemas"]["PartWanted"][];
          };
          /** @description The answer of `POST /media/{handle}/parts` */
          PartsSigned: {
              /** @description Until when they can be uploaded so, in ms since the epoch. */
              expiresAt: components["schemas"]["Timestamp"];
              /** @description The parts, in the order of the request. */
              parts: components["schemas"]["PartSigned"][];
          };
          /** @description The answer of `GET /media/{handle}/parts` */
          PartsThere: {
              /** @description How the content is cut into parts. */
              multipart: components["schemas"]["MultipartPlan"];
              /** @description The parts that storage has, by number. */
              parts: components["schemas"]["PartThere"][];
          };
          /** @description A part that storage has. */
          PartThere: {
              /** @description Its number. */
              number: components["schemas"]["PartNumber"];
              /** @description Its SHA-256, as 64 hexadecimal digits; empty where storage does not tell. */
              sha256: string;
              /** @description Its size, in bytes. */
              size: components["schemas"]["Count"];
          };
          /** @description A part to be signed. */
          PartWanted: {
              /** @description Its number, from 1. */
              number: components["schemas"]["PartNumber"];
              /** @description The SHA-256 of its bytes, as 64 hexadecimal digits in lower case. */
              sha256: components["schemas"]["Sha256"];
          };
          /** @description Something that a user keeps, as it stands. */
          PersonalChange: {
              /** @description The conversation. */
              conversationId: components["schemas"]["ConversationId"];
              /** @description It is gone. */
              deleted?: boolean;
              /** @description What sort of thing. */
              kind: components["schemas"]["PersonalKind"];
              /** @description The message, of a star or a hidden one. */
              messageId?: components["schemas"]["MessageId"];
              /** @description The content of a draft. */
              payload?: unknown;
              /** @description Its place in the conversation. */
              sequence?: components["schemas"]["Sequence"];
              /** @description The `ts` of a draft; else when it was made, in ms since the epoch. */
              ts: components["schemas"]["Timestamp"];
          };
          /** @description What sort of thing a user keeps. */
          PersonalKind: "draft" | "star" | "hidden";
          /** @description The answer of `GET /personal` */
          PersonalPage: {
              /** @description What changed, in the order of the changes. */
              changes: components["schemas"]["PersonalChange"][];
              /** @description Whether there is more now. */
              hasMore: boolean;
              /** @description `since` of the next call. */
              next: string;
          };
          /** @description A pinned message. */
          PinnedMessage: {
              /** @description Who pinned it. */
              byUserId: components["schemas"]["UserId"];
              /** @description The message. */
              messageId: components["schemas"]["MessageId"];
              /** @description Its place. */
              sequence: components["schemas"]["Sequence"];
              /** @description When; ms since the epoch. */
              ts: components["schemas"]["Timestamp"];
          };
          /** @description The answer of `GET /conversations/{id}/pins` */
          Pins: {
              /** @description The pinned messages, the last pinned first. */
              pins: components["schemas"]["PinnedMessage"][];
          };
          /** @description The answer of `POST /media/presign` */
          Presigned: {
              /** @description Until when it can be uploaded so, in ms since the epoch. */
              expiresAt: components["schemas"]["Timestamp"];
              /** @description The name of the content. The same content in the same conversation has the same name. */
              mediaHandle: components["schemas"]["MediaHandle"];
              /** @description How it is cut into parts, where it is too large for one request. */
              multipart?: components["schemas"]["MultipartPlan"];
              /** @description How far it has got. Where it is `ready`, there is nothing to upload. */
              status: components["schemas"]["MediaState"];
              /** @description The one request that uploads it. */
              upload?: components["schemas"]["SignedUpload"];
          };
          /** @description `POST /media/presign` */
          PresignRequest: {
              /** @description The conversation that it is for. */
              conversationId: components["schemas"]["ConversationId"];
              /** @description The type of the content; `application/octet-stream` where it is encrypted. */
              mime: components["schemas"]["Mime"];
              /** @description Its SHA-256, as 64 hexadecimal digits in lower case. */
              sha256: components["schemas"]["Sha256"];
              /** @description Its size, in bytes. */
              size: components["schemas"]["MediaSize"];
          };
          /** @description The answer of `GET /media/{handle}/preview` */
          PreviewInfo: {
              /** @description How long it takes, in milliseconds; absent of a picture. */
              durationMs?: components["schemas"]["Count"];
              /** @description Until when the addresses work, in ms since the epoch. */
              expiresAt?: components["schemas"]["Timestamp"];
              /** @description The waveform of sound: up to a hundred heights, 0 to 255, evenly over its time. */
              peaks?: number[];
              /** @description A picture, of the size that was asked for; absent of sound. */
              picture?: components["schemas"]["PreviewPicture"];
              /** @description Sound, or a film, of up to ten minutes in a form that is played everywhere. */
              playable?: components["schemas"]["PreviewPlayable"];
              /** @description Why there is none: `unsupported`, `corrupt`, `tooLarge` or `tooHard`. */
              reason?: string;
              /** @description When to ask again, in milliseconds, while it is `pending`. */
              retryAfterMs?: components["schemas"]["Count"];
              /** @description How far it has got. `refused` is for good: there will be none. */
              status: components["schemas"]["MediaState"];
          };
          /** @description A small copy of a picture. */
          PreviewPicture: {
              /** @description Its height, in pixels. */
              height: components["schemas"]["Count"];
              /** @description Its type. */
              mime: string;
              /** @description Its size, in bytes. */
              size: components["schemas"]["Count"];
              /** @description Where it can be read. It holds a signature: it is a secret until its time is over. */
              url: string;
              /** @description Its width, in pixels. */
              width: components["schemas"]["Count"];
          };
          /** @description Content in a form that is played everywhere. */
          PreviewPlayable: {
              /** @description Its type. */
              mime: string;
              /** @description Its size, in bytes. */
              size: components["schemas"]["Count"];
              /** @description Where it can be read. It holds a signature: it is a secret until its time is over. */
              url: string;
          };
          /** @description How large a preview is. */
          PreviewSizeName: "small" | "medium" | "large";
          /** @description Hours in which nothing is shown. */
          QuietHours: {
              /** @description On which days they begin: 1 is Monday, 7 is Sunday. */
              days: number[];
              /** @description When they begin, in minutes since midnight. */
              fromMinute: number;
              /** @description When they end, in minutes since midnight: on the next day where that is not after the beginning. */
              toMinute: number;
              /**
               * Format: int16
               * @description What the user's clock is ahead of UTC, in minutes. A client sets it anew when that changes.
               */
              utcOffsetMinutes: number;
          };
          /** @description `message.read`, and the body of `POST /reads` */
          Read: {
              /** @description The conversation. */
              conversationId: components["schemas"]["ConversationId"];
              /** @description The last message read, in place of `upTo`. */
              messageId?: components["schemas"]["MessageId"] | null;
              /** @description The last sequence read. */
              upTo?: components["schemas"]["Sequence"] | null;
          };
          /** @description How many members a message has got how far with. */
          ReceiptCounts: {
              /** @description Received, and not read. */
              delivered: components["schemas"]["Count"];
              /** @description Read. */
              read: components["schemas"]["Count"];
              /** @description Accepted by the service, and no further. */
              sent: components["schemas"]["Count"];
          };
          /** @description The answer of `GET /conversations/{id}/receipts`. */
          Receipts: {
              /** @description How many of the members of this page are in which state; who joined later is in none. */
              counts: components["schemas"]["ReceiptCounts"];
              /** @description Whether there are members after these. */
              hasMore: boolean;
              /** @description The members' marks, from which the state of every message follows. */
              marksByUser: {
                  [key: string]: components["schemas"]["Marks"];
              };
              /** @description The `cursor` of the next page. */
              next?: string;
              /** @description The state of the message for each member of this page who may see it, but its sender. */
              statusByUser: {
                  [key: string]: components["schemas"]["ReceiptStatus"];
              };
          };
          /** @description The state of one message for one member. */
          ReceiptStatus: "sent" | "delivered" | "read";
          /** @description What a message is reported for. */
          ReportGround: "spam" | "abuse" | "impersonation" | "illegal" | "other";
          /** @description A report, as administrators see it. */
          ReportInfo: {
              /** @description When it was made, in ms since the epoch. */
              at: components["schemas"]["Timestamp"];
              /** @description Who made it. */
              byUserId: components["schemas"]["UserId"];
              /** @description In the reporter's words. */
              comment?: string;
              /** @description What the service carried: JSON text, or an envelope in base64. It is proved. */
              content?: string;
              /** @description Where. */
              conversationId: components["schemas"]["ConversationId"];
              /** @description What for. */
              ground: components["schemas"]["ReportGround"];
              /** @description The message. */
              messageId: components["schemas"]["MessageId"];
              /** @description What the reporter says that it means: JSON text. Nothing proves it. */
              plaintext?: string;
              /** @description The report. */
              reportId: string;
              /** @description What became of it; absent while it is open. */
              resolution?: components["schemas"]["ReportResolution"];
              /** @description With which device. */
              senderDeviceId: components["schemas"]["DeviceId"];
              /** @description Who sent the message. */
              senderUserId: components["schemas"]["UserId"];
              /** @description When the service took it, in ms since the epoch. */
              sentAt: components["schemas"]["Timestamp"];
              /** @description Its place. */
              sequence: components["schemas"]["Sequence"];
          };
          /** @description The answer of `POST /reports` */
          ReportMade: {
              /** @description Content is in the report that the service is known to have carried. */
              proved: boolean;
              /** @description The report. */
              reportId: string;
          };
          /** @description `POST /reports` */
          ReportMake: {
              /** @description In the reporter's words. */
              comment?: string | null;
              /** @description The conversation. */
              conversationId: components["schemas"]["ConversationId"];
              /** @description The `envelope` of the message as it came, in place of the `payload`. */
              envelope?: string | null;
              /** @description What for. */
              ground: components["schemas"]["ReportGround"];
              /** @description The message. */
              messageId: components["schemas"]["MessageId"];
              /** @description Its place, where it is known: then it is read at once. */
              messageSequence?: components["schemas"]["Sequence"] | null;
              /** @description The `payload` of the message as it came, to the byte. It is proved to be what the service carried, or refused. */
              payload?: unknown;
              /** @description What that says, where it was encrypted. Nothing proves this. */
              plaintext?: unknown;
          };
          /** @description The answer of `GET /admin/reports` */
          ReportPage: {
              /** @description `before` of the next page; absent at the end. */
              next?: string;
              /** @description Reports of the day, the latest first. */
              reports: components["schemas"]["ReportInfo"][];
          };
          /** @description What became of a report. */
          ReportResolution: {
              /** @description When, in ms since the epoch. */
              at: components["schemas"]["Timestamp"];
              /** @description Which administrator says so. */
              by: string;
              /** @description In their words. */
              note: string;
          };
          /** @description `POST /admin/reports/{reportId}` */
          ReportResolve: {
              /** @description What became of it. */
              note: string;
          };
          /** @description `PATCH /groups/{id}/members/{userId}` */
          RoleUpdate: {
              /** @description The new role. `owner` hands the group over. */
              role: components["schemas"]["GroupRole"];
          };
          /** @description A message that is to be sent: the answer of `POST /scheduled` */
          ScheduledMessage: {
              /** @description The sender's name for it. */
              clientMsgId: components["schemas"]["ClientMsgId"];
              /** @description Its conversation. */
              conversationId: components["schemas"]["ConversationId"];
              /** @description Why it was not sent, where it was refused at its time. */
              error?: string;
              /** @description What sort of content. */
              kind: components["schemas"]["Kind"];
              /** @description The id that it will have. */
              messageId: components["schemas"]["MessageId"];
              /** @description The content. */
              payload: unknown;
              /** @description When it is to be sent; ms since the epoch. */
              sendAt: components["schemas"]["Timestamp"];
          };
          /** @description The answer of `GET /scheduled` */
          ScheduledPage: {
              /** @description `after` of the next page; absent at the end. */
              next?: components["schemas"]["MessageId"];
              /** @description The messages, by id. */
              scheduled: components["schemas"]["ScheduledMessage"][];
          };
          /** @description `POST /scheduled` */
          ScheduleRequest: {
              /**
               * @description What is to be sent. Its `clientMsgId` is unique among all that the user has scheduled; the same
               *     again takes its place.
               */
              message: components["schemas"]["MessageSend"];
              /** @description When it is to be sent, within a year; ms since the epoch. */
              sendAt: components["schemas"]["Timestamp"];
          };
          /** @description A message that was found. */
          SearchHit: {
              /** @description The conversation. */
              conversationId: components["schemas"]["ConversationId"];
              /** @description What of the snippet was looked for. */
              highlights?: components["schemas"]["Highlight"][];
              /** @description What sort of content. */
              kind: components["schemas"]["Kind"];
              /** @description The service's name for the message. */
              messageId: components["schemas"]["MessageId"];
              /** @description Who sent it. */
              senderUserId: components["schemas"]["UserId"];
              /** @description Its place in the conversation. */
              sequence: components["schemas"]["Sequence"];
              /** @description A piece of its text, where that is indexed. */
              snippet?: string;
              /** @description The server's clock at the append, in ms since the epoch. */
              ts: components["schemas"]["Timestamp"];
          };
          /** @description `GET /search`: a page of what was found */
          SearchPage: {
              /** @description The messages, in the order that was asked for. */
              hits: components["schemas"]["SearchHit"][];
              /** @description What the next page is asked for with, as `cursor`; absent where there is none. */
              next?: string;
          };
          /** @description `message.sent` */
          Sent: {
              /** @description The sender's name for the message. */
              clientMsgId: components["schemas"]["ClientMsgId"];
              /** @description The conversation. */
              conversationId: components["schemas"]["ConversationId"];
              /** @description It had been accepted before. */
              duplicate: boolean;
              /** @description The service's name for it. */
              messageId: components["schemas"]["MessageId"];
              /** @description Its place in the conversation. */
              sequence: components["schemas"]["Sequence"];
              /** @description The server's clock at the append, in ms since the epoch. */
              ts: components["schemas"]["Timestamp"];
              /** @constant */
              type: "message.sent";
          };
          /** @description The place of an entry in its conversation. The first entry has 1; there are no gaps and no repeats. */
          Sequence: number;
          /** @description The place of an entry in its conversation, or 0: before the first. */
          SequenceOrZero: number;
          /** @description `PUT /conversations/{id}/settings`: what is absent stays; null takes a value away. */
          SettingsUpdate: {
              /** @description Whether it is put away; null is false. */
              archived?: boolean | null;
              /** @description No pushes until then, in ms since the epoch. */
              mutedUntil?: components["schemas"]["Timestamp"] | null;
              /** @description Whether it is pinned; null is false. */
              pinned?: boolean | null;
              /**
               * @description Whether the user agrees that the text of what follows is indexed for search; it is only while all members do.
               *     null is false, and takes away what is indexed.
               */
              searchable?: boolean | null;
              /** @description Life of messages that name none, in seconds: for everyone in the conversation. */
              ttlSeconds?: components["schemas"]["TtlSeconds"] | null;
          };
          /** @description A SHA-256, as hexadecimal digits in lower case. */
          Sha256: string;
          /** @description A request to storage that is signed: nothing about it can be changed, nor its content. */
          SignedUpload: {
              /** @description Headers that must be sent as they are here; `content-length` and `host` every client sends by itself. */
              headers: {
                  [key: string]: string;
              };
              /** @description The method: `PUT`. */
              method: string;
              /** @description Where to. It holds the signature: it is a secret until its time is over. */
              url: string;
          };
          SlowModeSeconds: number;
          /** @description How a user's devices are others. */
          StaleDevices: {
              /** @description Encrypted for, and not there. */
              extra: components["schemas"]["DeviceId"][];
              /** @description There, and not encrypted for. */
              missing: components["schemas"]["DeviceId"][];
              /** @description There with another key. */
              stale: components["schemas"]["DeviceId"][];
              /** @description The version of the user's set of devices. */
              version: number;
          };
          /** @description A message that the user marked. */
          Star: {
              /** @description The conversation. */
              conversationId: components["schemas"]["ConversationId"];
              /** @description The message. */
              messageId: components["schemas"]["MessageId"];
              /** @description Its place in the conversation. */
              sequence: components["schemas"]["Sequence"];
              /** @description When it was marked, in ms since the epoch. */
              ts: components["schemas"]["Timestamp"];
          };
          /** @description The answer of `GET /stars` */
          StarPage: {
              /** @description Whether there is more. */
              hasMore: boolean;
              /** @description `before` of the next page; absent at the end. */
              next?: string;
              /** @description Stars, the newest first. */
              stars: components["schemas"]["Star"][];
          };
          /** @description What a browser's `pushManager.subscribe` answers. */
          Subscription: {
              /** @description Where to post to. */
              endpoint: string;
              /** @description Its keys. */
              keys: components["schemas"]["SubscriptionKeys"];
          };
          /** @description The keys of a browser's subscription. */
          SubscriptionKeys: {
              /** @description The secret of the two, in URL-safe base64. */
              auth: string;
              /** @description The browser's public key, in URL-safe base64. */
              p256dh: string;
          };
          /** @description The answer of `GET /conversations/{id}/messages/{messageId}/reactions` and of `…/votes` */
          Tallies: {
              /** @description Who chose what, by name: a page. */
              byUser: components["schemas"]["UserChoices"][];
              /** @description How many users chose what, of all users. */
              counts: {
                  [key: string]: components["schemas"]["Count"];
              };
              /** @description `after` of the next page; absent at the end. */
              next?: components["schemas"]["UserId"];
          };
          /** @description A thread. */
          ThreadInfo: {
              /** @description The place of the last reply. */
              lastSequence: components["schemas"]["Sequence"];
              /** @description Its time; ms since the epoch. */
              lastTs: components["schemas"]["Timestamp"];
              /** @description How many replies. */
              replies: components["schemas"]["Count"];
              /** @description Its first message. */
              rootMessageId: components["schemas"]["MessageId"];
              /** @description Those after one's own mark, exact up to 100. */
              unread: number;
          };
          /** @description `PUT /conversations/{id}/threads/{messageId}/mark` */
          ThreadMark: {
              /** @description The place of the last reply that was read. */
              upTo: components["schemas"]["Sequence"];
          };
          /** @description The answer of `GET /conversations/{id}/threads` */
          Threads: {
              /** @description `before` of the next page; absent at the end. */
              next?: components["schemas"]["Timestamp"];
              /** @description Threads by their last reply, latest first. */
              threads: components["schemas"]["ThreadInfo"][];
          };
          /** @description The answer of `POST /tickets` */
          Ticket: {
              /** @description Works until then; ms since the epoch. */
              expiresAt: components["schemas"]["Timestamp"];
              /** @description Works once, as `wss://HOST/v1?ticket=TICKET`. */
              ticket: string;
          };
          /** @description `POST /tickets` */
          TicketRequest: {
              /** @description The device that will connect. */
              deviceId: components["schemas"]["DeviceId"];
          };
          /** @description A moment, in milliseconds since the Unix epoch. */
          Timestamp: number;
          /** @description The life of the message, in seconds: a year at most. */
          TtlSeconds: number;
          /** @description `typing`, and `POST /typing` */
          TypingNow: {
              /** @description Typing, or not any more. It counts for six seconds: who goes on says so again. */
              active: boolean;
              /** @description The conversation. */
              conversationId: components["schemas"]["ConversationId"];
          };
          /** @description What a user chose. */
          UserChoices: {
              /** @description The reaction, or the choices. */
              choices: components["schemas"]["Choice"][];
              /** @description The user. */
              userId: components["schemas"]["UserId"];
          };
          /** @description The answer of `GET /admin/users/{userId}` */
          UserFile: {
              /** @description The ban, if they are banned. */
              ban?: components["schemas"]["BanInfo"];
              /** @description Devices that are known and were not revoked. */
              devices: components["schemas"]["Count"];
              /** @description How many users have reported them in the last 30 days, counted up to ten. */
              reporters: components["schemas"]["Count"];
              /** @description Sockets that are open. */
              sockets: components["schemas"]["Count"];
              /** @description The user. */
              userId: components["schemas"]["UserId"];
          };
          /** @description A user: the `sub` of the access token. */
          UserId: string;
          /** @description `GET` and `PUT /settings`: what is absent is not set. */
          UserSettings: {
              /** @description Who sees whether the user is there, and when they last were; absent: everyone. Who hides it does not see it of others. */
              lastSeen?: components["schemas"]["Audience"];
              /** @description Hours in which nothing is shown. */
              quietHours?: components["schemas"]["QuietHours"];
              /** @description Whether what strangers send waits in the list without a push; absent: it does not. */
              quietRequests?: boolean;
              /** @description Nothing is shown until then, in ms since the epoch. */
              quietUntil?: components["schemas"]["Timestamp"];
              /** @description Who sees what the user has read; absent: everyone. Who hides it does not see it of others. */
              readReceipts?: components["schemas"]["Audience"];
          };
      };
      responses: {
          /** @description `bad_request` */
          BadRequest: {
              headers: {
                  [name: string]: unknown;
              };
              content: {
                  "application/json": components["schemas"]["Error"];
              };
          };
          /** @description `conflict` */
          Conflict: {
              headers: {
                  [name: string]: unknown;
              };
              content: {
                  "application/json": components["schemas"]["Error"];
              };
          };
          /** @description `forbidden` */
          Forbidden: {
              headers: {
                  [name: string]: unknown;
              };
              content: {
                  "application/json": components["schemas"]["Error"];
              };
          };
          /** @description `forbidden`, `not_a_member` */
          ForbiddenOrNotAMember: {
              headers: {
                  [name: string]: unknown;
              };
              content: {
                  "application/json": components["schemas"]["Error"];
              };
          };
          /** @description `internal` */
          Internal: {
              headers: {
                  [name: string]: unknown;
              };
              content: {
                  "application/json": components["schemas"]["Error"] | components["schemas"]["GatewayError"];
              };
          };
          /** @description `not_found` */
          NotFound: {
              headers: {
                  [name: string]: unknown;
              };
              content: {
                  "application/json": components["schemas"]["Error"];
              };
          };
          /** @description `rate_limited` */
          RateLimited: {
              headers: {
                  [name: string]: unknown;
              };
              content: {
                  "application/json": components["schemas"]["Error"] | components["schemas"]["GatewayError"];
              };
          };
          /** @description `stale_devices`, `stale_epoch` */
          StaleDevicesOrStaleEpoch: {
              headers: {
                  [name: string]: unknown;
              };
              content: {
                  "application/json": components["schemas"]["Error"];
              };
          };
          /** @description `stale_devices`, `stale_epoch`, `conflict` */
          StaleDevicesOrStaleEpochOrConflict: {
              headers: {
                  [name: string]: unknown;
              };
              content: {
                  "application/json": components["schemas"]["Error"];
              };
          };
          /** @description `stale_epoch` */
          StaleEpoch: {
              headers: {
                  [name: string]: unknown;
              };
              content: {
                  "application/json": components["schemas"]["Error"];
              };
          };
          /** @description `too_large` */
          TooLarge: {
              headers: {
                  [name: string]: unknown;
              };
              content: {
                  "application/json": components["schemas"]["Error"];
              };
          };
          /** @description `unauthorized` */
          Unauthorized: {
              headers: {
                  /** @description `Bearer`. */
                  "WWW-Authenticate"?: string;
                  [name: string]: unknown;
              };
              content: {
                  "application/json": components["schemas"]["Error"];
              };
          };
          /** @description `unavailable` */
          Unavailable: {
              headers: {
                  /** @description Seconds after which to come back; `retryAfterMs` says the same more finely. */
                  "Retry-After"?: number;
                  [name: string]: unknown;
              };
              content: {
                  "application/json": components["schemas"]["Error"] | components["schemas"]["GatewayError"];
              };
          };
      };
      parameters: {
          /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
          Device: components["schemas"]["DeviceId"];
      };
      requestBodies: never;
      headers: never;
      pathItems: never;
  }
  export type $defs = Record<string, never>;
  export interface operations {
      acknowledge: {
          parameters: {
              query?: never;
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path?: never;
              cookie?: never;
          };
          /** @description At most 32768 bytes. */
          requestBody: {
              content: {
                  "application/json": components["schemas"]["Ack"];
              };
          };
          responses: {
              /** @description Done; there is nothing to say. */
              204: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content?: never;
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["ForbiddenOrNotAMember"];
              413: components["responses"]["TooLarge"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      readAudit: {
          parameters: {
              query?: {
                  /** @description `next` of the page before. */
                  before?: string;
                  /** @description Any moment of the day in UTC, in ms since the epoch; absent: today. */
                  day?: components["schemas"]["Timestamp"];
                  /** @description So many at most. */
                  limit?: number;
              };
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path?: never;
              cookie?: never;
          };
          requestBody?: never;
          responses: {
              /** @description A page of deeds. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["DeedPage"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["Forbidden"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      banUser: {
          parameters: {
              query?: never;
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path: {
                  /** @description The user. */
                  userId: components["schemas"]["UserId"];
              };
              cookie?: never;
          };
          /** @description At most 32768 bytes. */
          requestBody: {
              content: {
                  "application/json": components["schemas"]["BanMake"];
              };
          };
          responses: {
              /** @description The ban. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["BanMade"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["Forbidden"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      unbanUser: {
          parameters: {
              query?: never;
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path: {
                  /** @description The user. */
                  userId: components["schemas"]["UserId"];
              };
              cookie?: never;
          };
          requestBody?: never;
          responses: {
              /** @description Done; there is nothing to say. */
              204: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content?: never;
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["Forbidden"];
              404: components["responses"]["NotFound"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      listAdminKeys: {
          parameters: {
              query?: never;
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path?: never;
              cookie?: never;
          };
          requestBody?: never;
          responses: {
              /** @description The keys. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["AdminKeyList"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["Forbidden"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      makeAdminKey: {
          parameters: {
              query?: never;
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path: {
                  /** @description What the key is called. */
                  name: string;
              };
              cookie?: never;
          };
          /** @description At most 32768 bytes. */
          requestBody: {
              content: {
                  "application/json": components["schemas"]["AdminKeyMake"];
              };
          };
          responses: {
              /** @description The key. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["AdminKeyMade"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["Forbidden"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      dropAdminKey: {
          parameters: {
              query?: never;
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path: {
                  /** @description What the key is called. */
                  name: string;
              };
              cookie?: never;
          };
          requestBody?: never;
          responses: {
              /** @description Done; there is nothing to say. */
              204: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content?: never;
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["Forbidden"];
              404: components["responses"]["NotFound"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      listReports: {
          parameters: {
              query?: {
                  /** @description `next` of the page before. */
                  before?: string;
                  /** @description Any moment of the day in UTC, in ms since the epoch; absent: today. */
                  day?: components["schemas"]["Timestamp"];
                  /** @description So many at most. */
                  limit?: number;
              };
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path?: never;
              cookie?: never;
          };
          requestBody?: never;
          responses: {
              /** @description A page of reports. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["ReportPage"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["Forbidden"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      resolveReport: {
          parameters: {
              query?: never;
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path: {
                  /** @description The report. */
                  reportId: string;
              };
              cookie?: never;
          };
          /** @description At most 32768 bytes. */
          requestBody: {
              content: {
                  "application/json": components["schemas"]["ReportResolve"];
              };
          };
          responses: {
              /** @description Done; there is nothing to say. */
              204: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content?: never;
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["Forbidden"];
              404: components["responses"]["NotFound"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      lookUpUser: {
          parameters: {
              query?: never;
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path: {
                  /** @description The user. */
                  userId: components["schemas"]["UserId"];
              };
              cookie?: never;
          };
          requestBody?: never;
          responses: {
              /** @description The user. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["UserFile"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["Forbidden"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      listBlocks: {
          parameters: {
              query?: {
                  /** @description Users after this one: `next` of the page before. */
                  after?: components["schemas"]["UserId"];
                  /** @description So many at most. */
                  limit?: number;
              };
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path?: never;
              cookie?: never;
          };
          requestBody?: never;
          responses: {
              /** @description A page of users. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["BlockPage"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["Forbidden"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      blockUser: {
          parameters: {
              query?: never;
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path: {
                  /** @description The user. */
                  userId: components["schemas"]["UserId"];
              };
              cookie?: never;
          };
          requestBody?: never;
          responses: {
              /** @description Done; there is nothing to say. */
              204: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content?: never;
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["Forbidden"];
              413: components["responses"]["TooLarge"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      unblockUser: {
          parameters: {
              query?: never;
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path: {
                  /** @description The user. */
                  userId: components["schemas"]["UserId"];
              };
              cookie?: never;
          };
          requestBody?: never;
          responses: {
              /** @description Done; there is nothing to say. */
              204: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content?: never;
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["Forbidden"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      sendCommit: {
          parameters: {
              query?: never;
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path?: never;
              cookie?: never;
          };
          /** @description At most 32768 bytes. */
          requestBody: {
              content: {
                  "application/json": components["schemas"]["MessageCommit"];
              };
          };
          responses: {
              /** @description The commit is in the log. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["Sent"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["ForbiddenOrNotAMember"];
              404: components["responses"]["NotFound"];
              409: components["responses"]["StaleDevicesOrStaleEpochOrConflict"];
              413: components["responses"]["TooLarge"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      listMessages: {
          parameters: {
              query?: {
                  /** @description Entries before this sequence. */
                  before?: components["schemas"]["SequenceOrZero"];
                  /** @description So many at most. */
                  limit?: number;
                  /** @description Entries after this sequence. */
                  since?: components["schemas"]["SequenceOrZero"];
              };
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path: {
                  /** @description The conversation. */
                  id: components["schemas"]["ConversationId"];
              };
              cookie?: never;
          };
          requestBody?: never;
          responses: {
              /** @description A page of the log. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["MessagePage"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["ForbiddenOrNotAMember"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      getMessage: {
          parameters: {
              query?: {
                  /** @description The place of the message. Without it, the latest 2,048 entries are searched. */
                  sequence?: components["schemas"]["SequenceOrZero"];
              };
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path: {
                  /** @description The conversation. */
                  id: components["schemas"]["ConversationId"];
                  /** @description The message. */
                  messageId: components["schemas"]["MessageId"];
              };
              cookie?: never;
          };
          requestBody?: never;
          responses: {
              /** @description The message. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["OneMessage"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["ForbiddenOrNotAMember"];
              404: components["responses"]["NotFound"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      listEdits: {
          parameters: {
              query?: {
                  /** @description So many at most. */
                  limit?: number;
                  /** @description The place of the message. Without it, the latest 2,048 entries are searched. */
                  sequence?: components["schemas"]["SequenceOrZero"];
                  /** @description Edits after this place. */
                  since?: components["schemas"]["SequenceOrZero"];
              };
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path: {
                  /** @description The conversation. */
                  id: components["schemas"]["ConversationId"];
                  /** @description The message. */
                  messageId: components["schemas"]["MessageId"];
              };
              cookie?: never;
          };
          requestBody?: never;
          responses: {
              /** @description A page. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["MessagePage"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["ForbiddenOrNotAMember"];
              404: components["responses"]["NotFound"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      openMessage: {
          parameters: {
              query?: {
                  /** @description The place of the message. Without it, the latest 2,048 entries are searched. */
                  sequence?: components["schemas"]["SequenceOrZero"];
              };
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path: {
                  /** @description The conversation. */
                  id: components["schemas"]["ConversationId"];
                  /** @description The message. */
                  messageId: components["schemas"]["MessageId"];
              };
              cookie?: never;
          };
          requestBody?: never;
          responses: {
              /** @description The message with its content. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["OneMessage"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["ForbiddenOrNotAMember"];
              404: components["responses"]["NotFound"];
              409: components["responses"]["Conflict"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      listReactions: {
          parameters: {
              query?: {
                  /** @description `next` of the page before. */
                  after?: components["schemas"]["UserId"];
                  /** @description So many at most. */
                  limit?: number;
                  /** @description The place of the message. Without it, the latest 2,048 entries are searched. */
                  sequence?: components["schemas"]["SequenceOrZero"];
              };
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path: {
                  /** @description The conversation. */
                  id: components["schemas"]["ConversationId"];
                  /** @description The message. */
                  messageId: components["schemas"]["MessageId"];
              };
              cookie?: never;
          };
          requestBody?: never;
          responses: {
              /** @description The counts, and a page of users. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["Tallies"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["ForbiddenOrNotAMember"];
              404: components["responses"]["NotFound"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      listVotes: {
          parameters: {
              query?: {
                  /** @description `next` of the page before. */
                  after?: components["schemas"]["UserId"];
                  /** @description So many at most. */
                  limit?: number;
                  /** @description The place of the message. Without it, the latest 2,048 entries are searched. */
                  sequence?: components["schemas"]["SequenceOrZero"];
              };
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path: {
                  /** @description The conversation. */
                  id: components["schemas"]["ConversationId"];
                  /** @description The message. */
                  messageId: components["schemas"]["MessageId"];
              };
              cookie?: never;
          };
          requestBody?: never;
          responses: {
              /** @description The counts, and a page of users. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["Tallies"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["ForbiddenOrNotAMember"];
              404: components["responses"]["NotFound"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      listPins: {
          parameters: {
              query?: never;
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path: {
                  /** @description The conversation. */
                  id: components["schemas"]["ConversationId"];
              };
              cookie?: never;
          };
          requestBody?: never;
          responses: {
              /** @description The pinned messages. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["Pins"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["ForbiddenOrNotAMember"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      getReceipts: {
          parameters: {
              query: {
                  /** @description `next` of the page before. */
                  cursor?: components["schemas"]["UserId"];
                  /** @description So many at most. */
                  limit?: number;
                  /** @description The message. */
                  messageId: components["schemas"]["MessageId"];
              };
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path: {
                  /** @description The conversation. */
                  id: components["schemas"]["ConversationId"];
              };
              cookie?: never;
          };
          requestBody?: never;
          responses: {
              /** @description A page of members: the state for each but the sender, and the marks. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["Receipts"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["ForbiddenOrNotAMember"];
              404: components["responses"]["NotFound"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      setConversationSettings: {
          parameters: {
              query?: never;
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path: {
                  /** @description The conversation. */
                  id: components["schemas"]["ConversationId"];
              };
              cookie?: never;
          };
          /** @description At most 32768 bytes. */
          requestBody: {
              content: {
                  "application/json": components["schemas"]["SettingsUpdate"];
              };
          };
          responses: {
              /** @description The settings as they are then. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["ConversationSettings"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["ForbiddenOrNotAMember"];
              413: components["responses"]["TooLarge"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      listThreads: {
          parameters: {
              query?: {
                  /** @description `next` of the page before. */
                  before?: components["schemas"]["Timestamp"];
                  /** @description So many at most. */
                  limit?: number;
              };
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path: {
                  /** @description The conversation. */
                  id: components["schemas"]["ConversationId"];
              };
              cookie?: never;
          };
          requestBody?: never;
          responses: {
              /** @description A page. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["Threads"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["ForbiddenOrNotAMember"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      listReplies: {
          parameters: {
              query?: {
                  /** @description So many at most. */
                  limit?: number;
                  /** @description Replies after this place. */
                  since?: components["schemas"]["SequenceOrZero"];
              };
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path: {
                  /** @description The conversation. */
                  id: components["schemas"]["ConversationId"];
                  /** @description The message. */
                  messageId: components["schemas"]["MessageId"];
              };
              cookie?: never;
          };
          requestBody?: never;
          responses: {
              /** @description A page. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["MessagePage"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["ForbiddenOrNotAMember"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      markThread: {
          parameters: {
              query?: never;
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path: {
                  /** @description The conversation. */
                  id: components["schemas"]["ConversationId"];
                  /** @description The message. */
                  messageId: components["schemas"]["MessageId"];
              };
              cookie?: never;
          };
          /** @description At most 32768 bytes. */
          requestBody: {
              content: {
                  "application/json": components["schemas"]["ThreadMark"];
              };
          };
          responses: {
              /** @description Done; there is nothing to say. */
              204: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content?: never;
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["ForbiddenOrNotAMember"];
              404: components["responses"]["NotFound"];
              413: components["responses"]["TooLarge"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      deleteMessage: {
          parameters: {
              query?: never;
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path?: never;
              cookie?: never;
          };
          /** @description At most 32768 bytes. */
          requestBody: {
              content: {
                  "application/json": components["schemas"]["MessageDelete"];
              };
          };
          responses: {
              /** @description It is in the log. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["Sent"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["ForbiddenOrNotAMember"];
              404: components["responses"]["NotFound"];
              409: components["responses"]["StaleEpoch"];
              413: components["responses"]["TooLarge"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      listDevices: {
          parameters: {
              query?: never;
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path?: never;
              cookie?: never;
          };
          requestBody?: never;
          responses: {
              /** @description The devices. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["DeviceList"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["Forbidden"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      registerDevice: {
          parameters: {
              query?: never;
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path: {
                  /** @description The device. */
                  id: components["schemas"]["DeviceId"];
              };
              cookie?: never;
          };
          /** @description At most 32768 bytes. */
          requestBody: {
              content: {
                  "application/json": components["schemas"]["DeviceRegistration"];
              };
          };
          responses: {
              /** @description The device. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["DeviceInfo"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["Forbidden"];
              413: components["responses"]["TooLarge"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      revokeDevice: {
          parameters: {
              query?: never;
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path: {
                  /** @description The device. */
                  id: components["schemas"]["DeviceId"];
              };
              cookie?: never;
          };
          requestBody?: never;
          responses: {
              /** @description Done; there is nothing to say. */
              204: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content?: never;
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["Forbidden"];
              404: components["responses"]["NotFound"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      getKeyStock: {
          parameters: {
              query?: never;
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path: {
                  /** @description The device, which is the one that calls. */
                  id: components["schemas"]["DeviceId"];
              };
              cookie?: never;
          };
          requestBody?: never;
          responses: {
              /** @description What is here. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["KeyStock"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["Forbidden"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      uploadKeys: {
          parameters: {
              query?: never;
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path: {
                  /** @description The device, which is the one that calls. */
                  id: components["schemas"]["DeviceId"];
              };
              cookie?: never;
          };
          /** @description At most 32768 bytes. */
          requestBody: {
              content: {
                  "application/json": components["schemas"]["KeyUpload"];
              };
          };
          responses: {
              /** @description What is here now. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["KeyStock"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["Forbidden"];
              404: components["responses"]["NotFound"];
              409: components["responses"]["Conflict"];
              413: components["responses"]["TooLarge"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      listDrafts: {
          parameters: {
              query?: {
                  /** @description Drafts after this conversation: `next` of the page before. */
                  after?: components["schemas"]["ConversationId"];
                  /** @description So many at most. */
                  limit?: number;
              };
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path?: never;
              cookie?: never;
          };
          requestBody?: never;
          responses: {
              /** @description A page of drafts. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["DraftPage"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["Forbidden"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      saveDraft: {
          parameters: {
              query?: never;
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path: {
                  /** @description The conversation. */
                  conversationId: components["schemas"]["ConversationId"];
              };
              cookie?: never;
          };
          /** @description At most 32768 bytes. */
          requestBody: {
              content: {
                  "application/json": components["schemas"]["DraftUpdate"];
              };
          };
          responses: {
              /** @description The draft that stands. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["Draft"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["ForbiddenOrNotAMember"];
              413: components["responses"]["TooLarge"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      editMessage: {
          parameters: {
              query?: never;
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path?: never;
              cookie?: never;
          };
          /** @description At most 32768 bytes. */
          requestBody: {
              content: {
                  "application/json": components["schemas"]["MessageEdit"];
              };
          };
          responses: {
              /** @description It is in the log. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["Sent"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["ForbiddenOrNotAMember"];
              404: components["responses"]["NotFound"];
              409: components["responses"]["StaleEpoch"];
              413: components["responses"]["TooLarge"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      listEvents: {
          parameters: {
              query?: {
                  /** @description `cursor` of the answer before. Opaque. */
                  cursor?: string;
                  /** @description Of an earlier session, where there is no `cursor`. */
                  resumeToken?: string;
                  /** @description How long to wait at most, in seconds. */
                  timeout?: number;
              };
              header?: {
                  /** @description The same, of an `EventSource`; `cursor` comes first. */
                  "Last-Event-ID"?: string;
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path?: never;
              cookie?: never;
          };
          requestBody?: never;
          responses: {
              /** @description What happened. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["EventPage"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["Forbidden"];
              409: components["responses"]["Conflict"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      createGroup: {
          parameters: {
              query?: never;
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path?: never;
              cookie?: never;
          };
          /** @description At most 32768 bytes. */
          requestBody: {
              content: {
                  "application/json": components["schemas"]["GroupCreate"];
              };
          };
          responses: {
              /** @description The group as it is then. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["GroupInfo"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["Forbidden"];
              409: components["responses"]["Conflict"];
              413: components["responses"]["TooLarge"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      getGroup: {
          parameters: {
              query?: never;
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path: {
                  /** @description The group: `g:ID`. */
                  id: components["schemas"]["ConversationId"];
              };
              cookie?: never;
          };
          requestBody?: never;
          responses: {
              /** @description The group as it is then. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["GroupInfo"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["ForbiddenOrNotAMember"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      dissolveGroup: {
          parameters: {
              query?: never;
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path: {
                  /** @description The group: `g:ID`. */
                  id: components["schemas"]["ConversationId"];
              };
              cookie?: never;
          };
          requestBody?: never;
          responses: {
              /** @description Done; there is nothing to say. */
              204: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content?: never;
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["ForbiddenOrNotAMember"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      updateGroup: {
          parameters: {
              query?: never;
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path: {
                  /** @description The group: `g:ID`. */
                  id: components["schemas"]["ConversationId"];
              };
              cookie?: never;
          };
          /** @description At most 32768 bytes. */
          requestBody: {
              content: {
                  "application/json": components["schemas"]["GroupUpdate"];
              };
          };
          responses: {
              /** @description The group as it is then. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["GroupInfo"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["ForbiddenOrNotAMember"];
              413: components["responses"]["TooLarge"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      listInvites: {
          parameters: {
              query?: never;
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path: {
                  /** @description The group: `g:ID`. */
                  id: components["schemas"]["ConversationId"];
              };
              cookie?: never;
          };
          requestBody?: never;
          responses: {
              /** @description The invites. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["InviteList"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["ForbiddenOrNotAMember"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      createInvite: {
          parameters: {
              query?: never;
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path: {
                  /** @description The group: `g:ID`. */
                  id: components["schemas"]["ConversationId"];
              };
              cookie?: never;
          };
          /** @description At most 32768 bytes. */
          requestBody: {
              content: {
                  "application/json": components["schemas"]["InviteCreate"];
              };
          };
          responses: {
              /** @description The invite. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["InviteInfo"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["ForbiddenOrNotAMember"];
              409: components["responses"]["Conflict"];
              413: components["responses"]["TooLarge"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      revokeInvite: {
          parameters: {
              query?: never;
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path: {
                  /** @description The group: `g:ID`. */
                  id: components["schemas"]["ConversationId"];
                  /** @description The invite. */
                  inviteId: components["schemas"]["InviteId"];
              };
              cookie?: never;
          };
          requestBody?: never;
          responses: {
              /** @description Done; there is nothing to say. */
              204: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content?: never;
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["ForbiddenOrNotAMember"];
              404: components["responses"]["NotFound"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      listMembers: {
          parameters: {
              query?: {
                  /** @description Members after this one: `next` of the page before. */
                  after?: components["schemas"]["UserId"];
                  /** @description So many at most. */
                  limit?: number;
              };
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path: {
                  /** @description The group: `g:ID`. */
                  id: components["schemas"]["ConversationId"];
              };
              cookie?: never;
          };
          requestBody?: never;
          responses: {
              /** @description A page of members. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["MemberPage"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["ForbiddenOrNotAMember"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      addMembers: {
          parameters: {
              query?: never;
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path: {
                  /** @description The group: `g:ID`. */
                  id: components["schemas"]["ConversationId"];
              };
              cookie?: never;
          };
          /** @description At most 32768 bytes. */
          requestBody: {
              content: {
                  "application/json": components["schemas"]["MembersAdd"];
              };
          };
          responses: {
              /** @description The group as it is then. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["GroupInfo"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["ForbiddenOrNotAMember"];
              413: components["responses"]["TooLarge"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      addMember: {
          parameters: {
              query?: never;
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path: {
                  /** @description The group: `g:ID`. */
                  id: components["schemas"]["ConversationId"];
                  /** @description The member. */
                  userId: components["schemas"]["UserId"];
              };
              cookie?: never;
          };
          requestBody?: never;
          responses: {
              /** @description The group as it is then. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["GroupInfo"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["ForbiddenOrNotAMember"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      removeMember: {
          parameters: {
              query?: never;
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path: {
                  /** @description The group: `g:ID`. */
                  id: components["schemas"]["ConversationId"];
                  /** @description The member. */
                  userId: components["schemas"]["UserId"];
              };
              cookie?: never;
          };
          requestBody?: never;
          responses: {
              /** @description Done; there is nothing to say. */
              204: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content?: never;
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["ForbiddenOrNotAMember"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      setRole: {
          parameters: {
              query?: never;
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path: {
                  /** @description The group: `g:ID`. */
                  id: components["schemas"]["ConversationId"];
                  /** @description The member. */
                  userId: components["schemas"]["UserId"];
              };
              cookie?: never;
          };
          /** @description At most 32768 bytes. */
          requestBody: {
              content: {
                  "application/json": components["schemas"]["RoleUpdate"];
              };
          };
          responses: {
              /** @description The group as it is then. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["GroupInfo"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["ForbiddenOrNotAMember"];
              404: components["responses"]["NotFound"];
              413: components["responses"]["TooLarge"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      listJoinRequests: {
          parameters: {
              query?: {
                  /** @description Those after this one: `next` of the page before. */
                  after?: components["schemas"]["UserId"];
                  /** @description So many at most. */
                  limit?: number;
              };
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path: {
                  /** @description The group: `g:ID`. */
                  id: components["schemas"]["ConversationId"];
              };
              cookie?: never;
          };
          requestBody?: never;
          responses: {
              /** @description A page of requests. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["JoinRequestPage"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["ForbiddenOrNotAMember"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      approveJoinRequest: {
          parameters: {
              query?: never;
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path: {
                  /** @description The group: `g:ID`. */
                  id: components["schemas"]["ConversationId"];
                  /** @description Who asks. */
                  userId: components["schemas"]["UserId"];
              };
              cookie?: never;
          };
          requestBody?: never;
          responses: {
              /** @description Done; there is nothing to say. */
              204: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content?: never;
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["ForbiddenOrNotAMember"];
              404: components["responses"]["NotFound"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      declineJoinRequest: {
          parameters: {
              query?: never;
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path: {
                  /** @description The group: `g:ID`. */
                  id: components["schemas"]["ConversationId"];
                  /** @description Who asks. */
                  userId: components["schemas"]["UserId"];
              };
              cookie?: never;
          };
          requestBody?: never;
          responses: {
              /** @description Done; there is nothing to say. */
              204: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content?: never;
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["ForbiddenOrNotAMember"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      hideMessage: {
          parameters: {
              query?: {
                  /** @description The message's place; absent, it is searched among the last 2,048 entries. */
                  sequence?: components["schemas"]["Sequence"];
              };
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path: {
                  /** @description The conversation. */
                  conversationId: components["schemas"]["ConversationId"];
                  /** @description The message. */
                  messageId: components["schemas"]["MessageId"];
              };
              cookie?: never;
          };
          requestBody?: never;
          responses: {
              /** @description Done; there is nothing to say. */
              204: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content?: never;
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["ForbiddenOrNotAMember"];
              404: components["responses"]["NotFound"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      previewInvite: {
          parameters: {
              query?: never;
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path: {
                  /** @description What the link ends with. */
                  token: components["schemas"]["InviteToken"];
              };
              cookie?: never;
          };
          requestBody?: never;
          responses: {
              /** @description The group, for who is not in it. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["InvitePreview"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["Forbidden"];
              404: components["responses"]["NotFound"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      joinByInvite: {
          parameters: {
              query?: never;
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path: {
                  /** @description What the link ends with. */
                  token: components["schemas"]["InviteToken"];
              };
              cookie?: never;
          };
          requestBody?: never;
          responses: {
              /** @description How the caller stands to the group now. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["InviteJoined"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["Forbidden"];
              404: components["responses"]["NotFound"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      listMail: {
          parameters: {
              query?: {
                  /** @description Mail after this: `next` of the page before. */
                  after?: components["schemas"]["MailId"];
                  /** @description So many at most. */
                  limit?: number;
              };
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path?: never;
              cookie?: never;
          };
          requestBody?: never;
          responses: {
              /** @description A page of mail. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["MailPage"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["Forbidden"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      postMail: {
          parameters: {
              query?: never;
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path: {
                  /** @description The device. */
                  deviceId: components["schemas"]["DeviceId"];
                  /** @description The user. */
                  userId: components["schemas"]["UserId"];
              };
              cookie?: never;
          };
          /** @description At most 32768 bytes. */
          requestBody: {
              content: {
                  "application/json": components["schemas"]["MailPost"];
              };
          };
          responses: {
              /** @description Done; there is nothing to say. */
              204: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content?: never;
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["ForbiddenOrNotAMember"];
              404: components["responses"]["NotFound"];
              409: components["responses"]["Conflict"];
              413: components["responses"]["TooLarge"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      acknowledgeMail: {
          parameters: {
              query?: never;
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path?: never;
              cookie?: never;
          };
          /** @description At most 32768 bytes. */
          requestBody: {
              content: {
                  "application/json": components["schemas"]["MailAck"];
              };
          };
          responses: {
              /** @description Done; there is nothing to say. */
              204: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content?: never;
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["Forbidden"];
              413: components["responses"]["TooLarge"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      getMedia: {
          parameters: {
              query?: {
                  /** @description What an invite link ends with. */
                  invite?: components["schemas"]["InviteToken"];
              };
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path: {
                  /** @description The media. */
                  handle: components["schemas"]["MediaHandle"];
              };
              cookie?: never;
          };
          requestBody?: never;
          responses: {
              /** @description The content. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["MediaInfo"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["ForbiddenOrNotAMember"];
              404: components["responses"]["NotFound"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      abandonMedia: {
          parameters: {
              query?: never;
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path: {
                  /** @description The media. */
                  handle: components["schemas"]["MediaHandle"];
              };
              cookie?: never;
          };
          requestBody?: never;
          responses: {
              /** @description Done; there is nothing to say. */
              204: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content?: never;
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["ForbiddenOrNotAMember"];
              404: components["responses"]["NotFound"];
              409: components["responses"]["Conflict"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      completeUpload: {
          parameters: {
              query?: never;
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path: {
                  /** @description The media. */
                  handle: components["schemas"]["MediaHandle"];
              };
              cookie?: never;
          };
          requestBody?: never;
          responses: {
              /** @description How far the content has got. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["MediaCompleted"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["ForbiddenOrNotAMember"];
              404: components["responses"]["NotFound"];
              409: components["responses"]["Conflict"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      listParts: {
          parameters: {
              query?: never;
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path: {
                  /** @description The media. */
                  handle: components["schemas"]["MediaHandle"];
              };
              cookie?: never;
          };
          requestBody?: never;
          responses: {
              /** @description The parts. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["PartsThere"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["ForbiddenOrNotAMember"];
              404: components["responses"]["NotFound"];
              409: components["responses"]["Conflict"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      signParts: {
          parameters: {
              query?: never;
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path: {
                  /** @description The media. */
                  handle: components["schemas"]["MediaHandle"];
              };
              cookie?: never;
          };
          /** @description At most 32768 bytes. */
          requestBody: {
              content: {
                  "application/json": components["schemas"]["PartsRequest"];
              };
          };
          responses: {
              /** @description The requests. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["PartsSigned"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["ForbiddenOrNotAMember"];
              404: components["responses"]["NotFound"];
              409: components["responses"]["Conflict"];
              413: components["responses"]["TooLarge"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      previewMedia: {
          parameters: {
              query?: {
                  /** @description How large; `medium` where absent. */
                  size?: components["schemas"]["PreviewSizeName"];
              };
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path: {
                  /** @description The media. */
                  handle: components["schemas"]["MediaHandle"];
              };
              cookie?: never;
          };
          requestBody?: never;
          responses: {
              /** @description The preview. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["PreviewInfo"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["ForbiddenOrNotAMember"];
              404: components["responses"]["NotFound"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      offerUpload: {
          parameters: {
              query?: never;
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path?: never;
              cookie?: never;
          };
          /** @description At most 32768 bytes. */
          requestBody: {
              content: {
                  "application/json": components["schemas"]["PresignRequest"];
              };
          };
          responses: {
              /** @description The upload. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["Presigned"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["ForbiddenOrNotAMember"];
              413: components["responses"]["TooLarge"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      sendMessage: {
          parameters: {
              query?: never;
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path?: never;
              cookie?: never;
          };
          /** @description At most 32768 bytes. */
          requestBody: {
              content: {
                  "application/json": components["schemas"]["MessageSend"];
              };
          };
          responses: {
              /** @description The message is in the log. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["Sent"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["ForbiddenOrNotAMember"];
              409: components["responses"]["StaleDevicesOrStaleEpoch"];
              413: components["responses"]["TooLarge"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      listPersonalChanges: {
          parameters: {
              query?: {
                  /** @description So many at most. */
                  limit?: number;
                  /** @description `next` of an earlier answer; absent or 0: from the beginning. Opaque. */
                  since?: string;
              };
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path?: never;
              cookie?: never;
          };
          requestBody?: never;
          responses: {
              /** @description A page of changes. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["PersonalPage"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["Forbidden"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      pinMessage: {
          parameters: {
              query?: never;
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path?: never;
              cookie?: never;
          };
          /** @description At most 32768 bytes. */
          requestBody: {
              content: {
                  "application/json": components["schemas"]["MessagePin"];
              };
          };
          responses: {
              /** @description It is in the log. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["Sent"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["ForbiddenOrNotAMember"];
              404: components["responses"]["NotFound"];
              409: components["responses"]["StaleEpoch"];
              413: components["responses"]["TooLarge"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      react: {
          parameters: {
              query?: never;
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path?: never;
              cookie?: never;
          };
          /** @description At most 32768 bytes. */
          requestBody: {
              content: {
                  "application/json": components["schemas"]["MessageReact"];
              };
          };
          responses: {
              /** @description It is in the log. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["Sent"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["ForbiddenOrNotAMember"];
              404: components["responses"]["NotFound"];
              409: components["responses"]["StaleEpoch"];
              413: components["responses"]["TooLarge"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      markRead: {
          parameters: {
              query?: never;
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path?: never;
              cookie?: never;
          };
          /** @description At most 32768 bytes. */
          requestBody: {
              content: {
                  "application/json": components["schemas"]["Read"];
              };
          };
          responses: {
              /** @description Done; there is nothing to say. */
              204: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content?: never;
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["ForbiddenOrNotAMember"];
              404: components["responses"]["NotFound"];
              413: components["responses"]["TooLarge"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      reportMessage: {
          parameters: {
              query?: never;
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path?: never;
              cookie?: never;
          };
          /** @description At most 32768 bytes. */
          requestBody: {
              content: {
                  "application/json": components["schemas"]["ReportMake"];
              };
          };
          responses: {
              /** @description The report. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["ReportMade"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["ForbiddenOrNotAMember"];
              404: components["responses"]["NotFound"];
              413: components["responses"]["TooLarge"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      acceptRequest: {
          parameters: {
              query?: never;
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path: {
                  /** @description The user. */
                  userId: components["schemas"]["UserId"];
              };
              cookie?: never;
          };
          requestBody?: never;
          responses: {
              /** @description Done; there is nothing to say. */
              204: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content?: never;
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["Forbidden"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      declineRequest: {
          parameters: {
              query?: never;
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path: {
                  /** @description The user. */
                  userId: components["schemas"]["UserId"];
              };
              cookie?: never;
          };
          requestBody?: never;
          responses: {
              /** @description Done; there is nothing to say. */
              204: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content?: never;
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["Forbidden"];
              413: components["responses"]["TooLarge"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      listScheduled: {
          parameters: {
              query?: {
                  /** @description `next` of the page before. */
                  after?: components["schemas"]["MessageId"];
                  /** @description So many at most. */
                  limit?: number;
              };
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path?: never;
              cookie?: never;
          };
          requestBody?: never;
          responses: {
              /** @description A page. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["ScheduledPage"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["Forbidden"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      scheduleMessage: {
          parameters: {
              query?: never;
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path?: never;
              cookie?: never;
          };
          /** @description At most 32768 bytes. */
          requestBody: {
              content: {
                  "application/json": components["schemas"]["ScheduleRequest"];
              };
          };
          responses: {
              /** @description What is to be sent. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["ScheduledMessage"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["ForbiddenOrNotAMember"];
              413: components["responses"]["TooLarge"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      cancelScheduled: {
          parameters: {
              query?: never;
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path: {
                  /** @description The message. */
                  messageId: components["schemas"]["MessageId"];
              };
              cookie?: never;
          };
          requestBody?: never;
          responses: {
              /** @description Done; there is nothing to say. */
              204: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content?: never;
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["Forbidden"];
              404: components["responses"]["NotFound"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      search: {
          parameters: {
              query?: {
                  /** @description Sent then or later, in ms since the epoch. */
                  after?: components["schemas"]["Timestamp"];
                  /** @description Sent before then, in ms since the epoch. */
                  before?: components["schemas"]["Timestamp"];
                  /** @description In this conversation alone; else in the latest 1,000 of the caller. */
                  conversationId?: components["schemas"]["ConversationId"];
                  /** @description The `next` of the page before, with the same parameters. */
                  cursor?: string;
                  /** @description Sent by this user. */
                  from?: components["schemas"]["UserId"];
                  /** @description Of this kind. */
                  kind?: string;
                  /** @description So many at most. */
                  limit?: number;
                  /** @description Mentions this user, by name or as one of all. */
                  mention?: components["schemas"]["UserId"];
                  /** @description What comes first; `relevance` where there are words, else `recent`. */
                  order?: "recent" | "relevance";
                  /** @description Words that all must be there: `tea`, `"a cup"`, `biscu*`, `biscuit~` (one edit), `biscuit~2`, `-coffee`. */
                  q?: string;
                  /** @description With a file of this type (`application/pdf`), or family of types (`image`). */
                  type?: string;
              };
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path?: never;
              cookie?: never;
          };
          requestBody?: never;
          responses: {
              /** @description What was found. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["SearchPage"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["ForbiddenOrNotAMember"];
              413: components["responses"]["TooLarge"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      getSettings: {
          parameters: {
              query?: never;
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path?: never;
              cookie?: never;
          };
          requestBody?: never;
          responses: {
              /** @description The settings as they are then. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["UserSettings"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["Forbidden"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      setSettings: {
          parameters: {
              query?: never;
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path?: never;
              cookie?: never;
          };
          /** @description At most 32768 bytes. */
          requestBody: {
              content: {
                  "application/json": components["schemas"]["UserSettings"];
              };
          };
          responses: {
              /** @description The settings as they are then. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["UserSettings"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["Forbidden"];
              413: components["responses"]["TooLarge"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      listStars: {
          parameters: {
              query?: {
                  /** @description Stars before this place: `next` of the page before. Opaque. */
                  before?: string;
                  /** @description So many at most. */
                  limit?: number;
              };
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path?: never;
              cookie?: never;
          };
          requestBody?: never;
          responses: {
              /** @description A page of stars. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["StarPage"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["Forbidden"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      starMessage: {
          parameters: {
              query: {
                  /** @description The message's place in the conversation. */
                  sequence: components["schemas"]["Sequence"];
              };
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path: {
                  /** @description The conversation. */
                  conversationId: components["schemas"]["ConversationId"];
                  /** @description The message. */
                  messageId: components["schemas"]["MessageId"];
              };
              cookie?: never;
          };
          requestBody?: never;
          responses: {
              /** @description The star. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["Star"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["ForbiddenOrNotAMember"];
              404: components["responses"]["NotFound"];
              413: components["responses"]["TooLarge"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      unstarMessage: {
          parameters: {
              query: {
                  /** @description The message's place in the conversation. */
                  sequence: components["schemas"]["Sequence"];
              };
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path: {
                  /** @description The conversation. */
                  conversationId: components["schemas"]["ConversationId"];
                  /** @description The message. */
                  messageId: components["schemas"]["MessageId"];
              };
              cookie?: never;
          };
          requestBody?: never;
          responses: {
              /** @description Done; there is nothing to say. */
              204: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content?: never;
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["Forbidden"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      listConversations: {
          parameters: {
              query?: {
                  /** @description So many at most. */
                  limit?: number;
                  /** @description `next` of an earlier answer; absent or 0: from the beginning. Opaque. */
                  since?: string;
              };
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path?: never;
              cookie?: never;
          };
          requestBody?: never;
          responses: {
              /** @description A page of the list. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["ConversationPage"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["Forbidden"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      createTicket: {
          parameters: {
              query?: never;
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path?: never;
              cookie?: never;
          };
          /** @description At most 32768 bytes. */
          requestBody: {
              content: {
                  "application/json": components["schemas"]["TicketRequest"];
              };
          };
          responses: {
              /** @description The ticket. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["Ticket"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["Forbidden"];
              413: components["responses"]["TooLarge"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      typing: {
          parameters: {
              query?: never;
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path?: never;
              cookie?: never;
          };
          /** @description At most 32768 bytes. */
          requestBody: {
              content: {
                  "application/json": components["schemas"]["TypingNow"];
              };
          };
          responses: {
              /** @description Done; there is nothing to say. */
              204: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content?: never;
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["ForbiddenOrNotAMember"];
              413: components["responses"]["TooLarge"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      getIdentities: {
          parameters: {
              query?: never;
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path: {
                  /** @description The user. */
                  id: components["schemas"]["UserId"];
              };
              cookie?: never;
          };
          requestBody?: never;
          responses: {
              /** @description The devices that have keys. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["KeyBundles"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["Forbidden"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      takeKeys: {
          parameters: {
              query?: {
                  /** @description Of these devices alone: names with commas between. */
                  deviceId?: string;
              };
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path: {
                  /** @description The user. */
                  id: components["schemas"]["UserId"];
              };
              cookie?: never;
          };
          requestBody?: never;
          responses: {
              /** @description One bundle for each device that has keys. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["KeyBundles"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["Forbidden"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
      vote: {
          parameters: {
              query?: never;
              header?: {
                  /** @description The device that calls; `http` where absent. A device that was revoked is refused. */
                  "X-Device-Id"?: components["parameters"]["Device"];
              };
              path?: never;
              cookie?: never;
          };
          /** @description At most 32768 bytes. */
          requestBody: {
              content: {
                  "application/json": components["schemas"]["MessageVote"];
              };
          };
          responses: {
              /** @description It is in the log. */
              200: {
                  headers: {
                      [name: string]: unknown;
                  };
                  content: {
                      "application/json": components["schemas"]["Sent"];
                  };
              };
              400: components["responses"]["BadRequest"];
              401: components["responses"]["Unauthorized"];
              403: components["responses"]["ForbiddenOrNotAMember"];
              404: components["responses"]["NotFound"];
              409: components["responses"]["StaleEpoch"];
              413: components["responses"]["TooLarge"];
              429: components["responses"]["RateLimited"];
              500: components["responses"]["Internal"];
              503: components["responses"]["Unavailable"];
          };
      };
  }
}

type Frames = socket.components["schemas"];

/** What a client says. */
export type ClientFrame =
  | Frames["Frame.client.session.hello"]
  | Frames["Frame.client.message.send"]
  | Frames["Frame.client.message.edit"]
  | Frames["Frame.client.message.delete"]
  | Frames["Frame.client.message.react"]
  | Frames["Frame.client.message.vote"]
  | Frames["Frame.client.message.pin"]
  | Frames["Frame.client.message.commit"]
  | Frames["Frame.client.mailbox.ack"]
  | Frames["Frame.client.message.ack"]
  | Frames["Frame.client.message.read"]
  | Frames["Frame.client.sync.pull"]
  | Frames["Frame.client.presence.heartbeat"]
  | Frames["Frame.client.presence.subscribe"]
  | Frames["Frame.client.presence.unsubscribe"]
  | Frames["Frame.client.typing"];

/** What the service says. */
export type ServerFrame =
  | Frames["Frame.server.session.ready"]
  | Frames["Frame.server.message.sent"]
  | Frames["Frame.server.message.new"]
  | Frames["Frame.server.message.hidden"]
  | Frames["Frame.server.message.delivered"]
  | Frames["Frame.server.message.read"]
  | Frames["Frame.server.conversation.settings"]
  | Frames["Frame.server.draft.updated"]
  | Frames["Frame.server.conversation.updated"]
  | Frames["Frame.server.presence.update"]
  | Frames["Frame.server.presence.ok"]
  | Frames["Frame.server.typing"]
  | Frames["Frame.server.device.changed"]
  | Frames["Frame.server.mailbox.new"]
  | Frames["Frame.server.keys.low"]
  | Frames["Frame.server.flow_control"]
  | Frames["Frame.server.sync.page"]
  | Frames["Frame.server.packed"]
  | Frames["Frame.server.sync.complete"]
  | Frames["Frame.server.error"];
