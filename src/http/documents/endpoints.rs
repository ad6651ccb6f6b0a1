//! The endpoints sockets come in by. What is said over them is in the `AsyncAPI` document.

use serde_json::{Value, json};

/// Adds their paths.
pub(super) fn add(document: &mut Value) {
    document["paths"]["/socket.io/"] =
        json!({ "get": long_polling("openSocketIo"), "post": post() });
    for (path, id) in [("/events", "openEvents"), ("/signaling", "openSignaling")] {
        document["paths"][path] = json!({ "get": plain(id) });
    }
}

fn long_polling(id: &str) -> Value {
    json!({
        "tags": ["Sockets"],
        "operationId": id,
        "summary": "Opens a Socket.IO connection, or waits for what it has to say.",
        "description": "Engine.IO 4 with Socket.IO 5: by long polling, by WebSocket, or from one \
            to the other. Use a Socket.IO client; one is served at `/socket.io/socket.io.js`.",
        "parameters": [
            query("EIO", true, &json!({ "const": "4" })),
            query("transport", true, &json!({ "enum": ["polling", "websocket"] })),
            query("sid", false, &json!({ "type": "string" })),
        ],
        "responses": {
            "101": { "description": "A WebSocket" },
            "200": { "description": "Engine.IO packets", "content": packets() },
            "400": { "description": "Not a request of the protocol", "content": engine_error() },
            "403": refused("Origin not allowed"),
            "503": refused("The node is shutting down"),
        },
    })
}

fn post() -> Value {
    json!({
        "tags": ["Sockets"],
        "operationId": "sendSocketIo",
        "summary": "Sends packets over a long-polling connection.",
        "parameters": [
            query("EIO", true, &json!({ "const": "4" })),
            query("transport", true, &json!({ "const": "polling" })),
            query("sid", true, &json!({ "type": "string" })),
        ],
        "requestBody": { "required": true, "content": packets() },
        "responses": {
            "200": { "description": "Taken", "content": packets() },
            "400": { "description": "Not a request of the protocol", "content": engine_error() },
            "403": refused("Origin not allowed"),
        },
    })
}

fn plain(id: &str) -> Value {
    json!({
        "tags": ["Sockets"],
        "operationId": id,
        "summary": "Opens a WebSocket that speaks plain JSON.",
        "description": "One JSON text frame a message: `{\"event\", \"data\", \"id\"?}`. The subprotocols \
            are `latido.v1` and `bearer.` with an access token.",
        "responses": {
            "101": { "description": "A WebSocket" },
            "401": refused("Credentials that are not accepted"),
            "403": refused("Origin not allowed, or an account that is not active"),
            "426": refused("Not a WebSocket upgrade"),
            "503": refused("The node is shutting down"),
        },
    })
}

fn query(name: &str, required: bool, schema: &Value) -> Value {
    json!({ "name": name, "in": "query", "required": required, "schema": schema })
}

fn packets() -> Value {
    json!({ "text/plain": { "schema": { "type": "string" } } })
}

fn engine_error() -> Value {
    let schema = json!({
        "type": "object",
        "required": ["code", "message"],
        "properties": { "code": { "type": "integer" }, "message": { "type": "string" } },
        "example": { "code": 0, "message": "Transport unknown" },
    });
    json!({ "application/json": { "schema": schema } })
}

fn refused(description: &str) -> Value {
    let schema = json!({ "$ref": "#/components/schemas/Problem" });
    json!({ "description": description, "content": { "application/json": { "schema": schema } } })
}
