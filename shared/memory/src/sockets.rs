//! Sockets of the gateway. One that has died is posted to, and answers 200, until that is noticed.

use tidings_domain::ids::ConnectionId;

use crate::World;

impl World {
    /// A socket opens. It has no session yet.
    pub fn connect(&self, connection: &ConnectionId) {
        self.state().sockets.insert(connection.clone());
    }

    /// It is noticed that a socket is gone: posts to it are answered 410 from now on.
    pub fn hang_up(&self, connection: &ConnectionId) {
        self.state().sockets.remove(connection);
    }
}
