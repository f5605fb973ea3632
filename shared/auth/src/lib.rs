//! Access tokens, key sets and connect tickets
