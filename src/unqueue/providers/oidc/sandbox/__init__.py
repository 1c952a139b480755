"""A head office to try things with: an OpenID provider with four people, real keys, and all kinds of trouble."""
