/**
 * The server behind {@link dev.evento.Evento#serve}: a small HTTP/1.1 over unix and TCP sockets, discovery, both
 * framings of the function protocol, request identity, graceful stop. Not exported.
 *
 * <p>It deliberately does not speak TLS or HTTP/2, and compresses nothing.
 */
package dev.evento.server;
