//! ECS's JSON API.
