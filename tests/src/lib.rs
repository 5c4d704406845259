//! What gate25 promises, tested.
