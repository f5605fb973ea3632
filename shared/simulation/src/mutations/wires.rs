//! Bugs between the use cases and sessions, streams and sockets.

use tidings_domain::{
    conversation::Watermark,
    ids::{ConnectionId, ConversationId, Sender, Timestamp, UserId},
    log::Entry,
    notice::Notice,
    ports::{Bus, Conversations, Devices, Gateway, Ingest, PortResult, Post, Refresh, Sessions},
    send::Pending,
    session::{Device, Session},
    stream::StreamRecord,
};

use super::{Mutated, Mutation};

impl Sessions for Mutated {
    fn put<'a>(&'a self, session: &'a Session) -> PortResult<'a, Option<Session>> {
        if self.mutation == Mutation::RegisterNothing {
            return Box::pin(async { Ok(None) });
        }
        Sessions::put(&self.world, session)
    }

    fn of_user<'a>(&'a self, user: &'a UserId) -> PortResult<'a, Vec<Session>> {
        if self.mutation == Mutation::PostToEverybody {
            return Box::pin(async { Ok(self.world.sessions().into_values().collect()) });
        }
        Sessions::of_user(&self.world, user)
    }

    fn refresh<'a>(
        &'a self,
        sender: &'a Sender,
        connection: &'a ConnectionId,
        now: Timestamp,
        expires_at: Timestamp,
        active: bool,
    ) -> PortResult<'a, Refresh> {
        self.world.refresh(sender, connection, now, expires_at, active)
    }

    fn remove<'a>(&'a self, sender: &'a Sender, connection: &'a ConnectionId) -> PortResult<'a, ()> {
        Box::pin(async move {
            if self.mutation == Mutation::RemoveWithoutCompare
                && let Some(session) = self.world.sessions().get(sender)
            {
                return self.world.remove(sender, &session.connection).await;
            }
            self.world.remove(sender, connection).await
        })
    }

    fn subscribe<'a>(&'a self, conversation: &'a ConversationId, session: &'a Session) -> PortResult<'a, ()> {
        self.world.subscribe(conversation, session)
    }

    fn subscribers<'a>(
        &'a self,
        conversation: &'a ConversationId,
        from: u32,
        limit: usize,
    ) -> PortResult<'a, Vec<Session>> {
        self.world.subscribers(conversation, from, limit)
    }

    fn unsubscribe<'a>(
        &'a self,
        conversation: &'a ConversationId,
        sender: &'a Sender,
        connection: &'a ConnectionId,
    ) -> PortResult<'a, ()> {
        self.world.unsubscribe(conversation, sender, connection)
    }
}

impl Devices for Mutated {
    fn touch<'a>(&'a self, device: &'a Sender, now: Timestamp) -> PortResult<'a, bool> {
        self.world.touch(device, now)
    }

    fn find<'a>(&'a self, device: &'a Sender) -> PortResult<'a, Option<Device>> {
        self.world.find(device)
    }

    fn of_user<'a>(&'a self, user: &'a UserId) -> PortResult<'a, Vec<Device>> {
        Devices::of_user(&self.world, user)
    }

    fn banned_until<'a>(&'a self, user: &'a UserId) -> PortResult<'a, Timestamp> {
        self.world.banned_until(user)
    }
}

impl Bus for Mutated {
    fn publish<'a>(&'a self, record: &'a StreamRecord) -> PortResult<'a, ()> {
        if self.mutation == Mutation::PublishNothing {
            return Box::pin(async { Ok(()) });
        }
        self.world.publish(record)
    }
}

impl Ingest for Mutated {
    fn put<'a>(&'a self, pending: &'a Pending) -> PortResult<'a, ()> {
        Ingest::put(&self.world, pending)
    }
}

impl Gateway for Mutated {
    fn post<'a>(&'a self, session: &'a Session, notice: &'a Notice) -> PortResult<'a, Post> {
        Box::pin(async move {
            let Notice::Entry(entry) = notice else { return self.world.post(session, notice).await };
            match self.mutation {
                Mutation::PushIsDelivery => {
                    let posted = self.world.post(session, notice).await?;
                    let (conversation, user) = (&entry.conversation, &session.owner.user);
                    self.world.raise(conversation, user, Watermark::Delivered, entry.sequence, entry.ts).await?;
                    Ok(posted)
                }
                Mutation::PostAnotherContent => {
                    let mut other = Entry::clone(entry);
                    other.content.payload = "\"another\"".into();
                    self.world.post(session, &Notice::Entry(Box::new(other))).await
                }
                _ => self.world.post(session, notice).await,
            }
        })
    }

    fn close<'a>(&'a self, session: &'a Session) -> PortResult<'a, ()> {
        self.world.close(session)
    }
}
