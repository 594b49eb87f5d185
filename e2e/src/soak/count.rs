//! What is counted of a hostile hour, by the words of its table.

pub(super) const ANSWERED: &str = "requests of attacks answered";
pub(super) const REFUSED: &str = "requests of attacks refused by a limit";
pub(super) const ENDED: &str = "connections of attacks ended by the node";
pub(super) const TRACED: &str = "traces that were right";
pub(super) const TRACES_REFUSED: &str = "traces that a limit refused";
pub(super) const TRACES_REPLACED: &str = "traces of blocks that were replaced meanwhile";
pub(super) const IDLE: &str = "connections that read or end nothing";
pub(super) const IDLE_ENDED: &str = "connections that read or end nothing, ended by the node";
pub(super) const UNREAD: &str = "subscribers that read nothing";
pub(super) const UNREAD_ENDED: &str = "subscribers that read nothing, ended by the node";
pub(super) const WENT_BACK: &str = "times that newHeads went back";
pub(super) const RESENT: &str = "transactions sent again before they were in a block";
