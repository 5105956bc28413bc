"""The only room that talks to models: five adapters, one shape (`lib.core.chat.Provider`)."""
