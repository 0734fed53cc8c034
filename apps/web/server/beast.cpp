// SPDX-License-Identifier: MPL-2.0
// The code of Asio and Beast, compiled once (BOOST_*_SEPARATE_COMPILATION).
#include <boost/asio/impl/src.hpp>
#include <boost/beast/src.hpp>
