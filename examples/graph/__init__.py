"""A GraphQL API behind a bearer token."""
