// Two files that include everything meet in one program: nothing may be defined twice.
#include <amq/amq.hpp>

#include <string>

const char* version_of_another_file();

int main() {
  return std::string(AMQ_VERSION) == version_of_another_file() ? 0 : 1;
}
