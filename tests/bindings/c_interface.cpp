// The same lines as C++.
#include "c_interface.c"
