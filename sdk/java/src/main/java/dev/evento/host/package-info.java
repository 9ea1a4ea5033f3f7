/** A function as the server and the test kit see it: names and codecs. Used by generated code. */
package dev.evento.host;
