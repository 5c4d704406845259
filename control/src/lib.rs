//! Policy, publishing, metrics and the command line.
