//! What people and their machines say when a call is answered.
