"""What tests share: small models, pictures, stand-ins, and the programs that some of them need."""
