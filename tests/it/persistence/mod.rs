//! What both databases must have in common.

mod twins;
