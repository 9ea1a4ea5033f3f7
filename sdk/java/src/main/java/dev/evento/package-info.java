/**
 * What a function's author uses: implement the interface that {@code evento gen java} wrote for your entity, answer
 * {@link dev.evento.Events}, and hand it to {@link dev.evento.Evento#serve}.
 */
package dev.evento;
